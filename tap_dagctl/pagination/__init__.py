"""Every row of a list in pages, while rows move under the reader."""
