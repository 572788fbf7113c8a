"""A library of recorded voices, and finding one in it by words or by sound (Step-Audio 2, section 3.1, audio search).

    entries    what is known of a voice, and what may be asked of it
    words      how people speak of voices: the words that search compares
    contract   what a store of entries can do; `embedded` keeps it in a file, `postgres` in a database
    inventory  what `embedded` searches, by `ranking` and `nearest`; of very many entries a `snapshot` in arrays
    library    a folder of clips with its store: adding, importing, removing, exporting
    search     ranking what the stores of several libraries find
    offered    the voices of several libraries, to be chosen by name

Where material comes from (manifests, tables, folders) is the business of `prepare.voices`.
"""
