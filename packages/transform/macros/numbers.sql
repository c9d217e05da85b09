{#
  A rise in percent, as the guide computes it; its order of operations decides the last digit. A warehouse
  may compute it before it leaves out the rows that rise from zero, and some fail on a division by it.
#}
{% macro change_percent(before, now) -%}
({{ now }} - {{ before }}) / nullif({{ before }}, 0) * 100
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
{{ return(adapter.dispatch('percentile', 'tap_dagctl')(share, value)) }}
{%- endmacro %}


{% macro default__percentile(share, value) -%}
cast(
    percentile_cont({{ share }}) within group (order by {{ value }})
    as {{ tap_dagctl.type('double precision') }}
)
{%- endmacro %}


{# It has none for groups. #}
{% macro bigquery__percentile(share, value) -%}
{%- set ordered = 'array_agg(' ~ value ~ ' ignore nulls order by ' ~ value ~ ')' -%}
{%- set position = '(' ~ share ~ ' * (count(' ~ value ~ ') - 1))' -%}
{%- set below = ordered ~ '[safe_offset(cast(floor(' ~ position ~ ') as int64))]' -%}
{%- set above = ordered ~ '[safe_offset(cast(ceil(' ~ position ~ ') as int64))]' -%}
({{ below }} + ({{ above }} - {{ below }}) * ({{ position }} - floor({{ position }})))
{%- endmacro %}
