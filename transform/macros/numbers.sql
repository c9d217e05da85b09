{# A rise in percent, as the guide computes it; its order of operations decides the last digit. #}
{% macro change_percent(before, now) -%}
({{ now }} - {{ before }}) / {{ before }} * 100
{%- endmacro %}


{#
  One decimal, exactly as Python's `round(number, 1)` in the guide's script. Not SQL's `round`:
  PostgreSQL has it for `numeric` only and cuts a double to 15 digits for that, and both round 20.25
  up, which Python rounds to the even 20.2. Ten times a double is rarely a double; eight times and
  twice are, and what their sum loses can be computed (Knuth's two-sum), so the half is found exactly.
#}
{% macro one_decimal(number) -%}
{%- set eight = '(' ~ number ~ ' * 8)' -%}
{%- set two = '(' ~ number ~ ' * 2)' -%}
{%- set ten = '(' ~ eight ~ ' + ' ~ two ~ ')' -%}
{%- set part = '(' ~ ten ~ ' - ' ~ eight ~ ')' -%}
{%- set lost = '((' ~ eight ~ ' - (' ~ ten ~ ' - ' ~ part ~ ')) + (' ~ two ~ ' - ' ~ part ~ '))' -%}
{%- set whole = 'floor(' ~ ten ~ ')' -%}
{%- set rest = '(' ~ ten ~ ' - ' ~ whole ~ ')' -%}
(
    case
        when {{ rest }} > 0.5 then {{ whole }} + 1
        when {{ rest }} < 0.5 then {{ whole }}
        when {{ lost }} > 0 then {{ whole }} + 1
        when {{ lost }} < 0 then {{ whole }}
        when floor({{ whole }} / 2) * 2 = {{ whole }} then {{ whole }}
        else {{ whole }} + 1
    end / 10
)
{%- endmacro %}


{# Percentile of the values that are known, interpolated as the API does; null where none is. #}
{% macro percentile(share, value) -%}
cast(percentile_cont({{ share }}) within group (order by {{ value }}) as double precision)
{%- endmacro %}
