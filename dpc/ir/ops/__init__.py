"""The operations, in families; each class says its type, its value and its adjoint.

Arrays over neighbours are padded `[nloc, nnei, ...]` or ragged `[nloc, nnei~, ...]`; every
op takes both unless it says otherwise. An empty slot is -1 in `nlist`. An atom whose type
is negative is not in the model and contributes nothing.
"""
