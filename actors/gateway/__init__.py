"""The HTTP gateway's documents: Habitat's endpoints, made from what the owners of the facts say.

`routes` reads paths, `services`, `census` and `butterfly` make the documents, `metrics` the
samples, `actor` asks. HTTP itself is `port/http`.

2026-11-24: Each request asks the owners of its facts anew. Rejected: snapshots kept up to date
(Habitat's way): they are stale by the time they are read, and cost when nobody reads.

2026-11-24: Every key of Habitat's has Habitat's type, and what is ours stands under one key,
`habring`. Values that may be secret (configuration, exports, environment, uploaded files, hook
output) are null for whoever asks without a token from beyond loopback: a default supervisor tells
strangers nothing that an operator wrote.
"""
