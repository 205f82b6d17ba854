"""The desk's rules: what comes first, what is planted, what answers come to. Pure."""
