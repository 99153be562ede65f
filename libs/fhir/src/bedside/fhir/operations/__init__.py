"""Operations that every core service has, one file each, named in `registered`; `operation` is how one is declared."""
