"""Packages: identifiers and their order, what metafiles say, what a HART file must look like.

Decisions:

2026-11-24: Two orders of identifiers, Habitat's two: the supervisor's (`ident.py`) among what is
installed, Builder's (`builder_order.py`) among what a channel holds. They differ over trailing
zeros, dashes and versions without digits. Rejected: one order of our own. Which release "the
newest" is must not change for who moves a machine, or a channel, from Habitat to here.

2026-11-24: One codec for all of Habitat's signing and box key files (`keyfile.py`); ring keys stay
in `wire`, which must not know packages. A base64 line counts only in its canonical spelling, so
that no bit of a signed file can change unnoticed. Rejected: as lenient as Habitat's reader.

2026-11-24: A plan is built where it will be installed (plans write `$pkg_prefix` into what they
build), and taken away when it is packed: the artifact cache has it, and installing verifies it like
any other. Metafiles name `/hab/pkgs`, whatever root it was built below; readers put their own store
in. Rejected: leaving it installed, as Habitat does outside of a studio: nobody would have verified
what is run, and a second build of the same release would have to overwrite a live package.

2026-11-24: One bash process runs the phases and asks Python, over two pipes, for whatever needs the
store, the keys or the network. Rejected: writing metafiles and archives in bash, which is Habitat's
way and needs a dozen programs of the right kind.

2026-11-25: What a user encrypts for a group has a nonce that is a keyed hash of keys, version and
content, so that the same applied again is the same, and "unchanged". Rejected: a random nonce, with
which a repeated command is refused as stale; opening both to compare, for which the supervisor that
is asked would need the group's key.

2026-11-22: Metafiles are parsed from bytes, by a pure function that answers every possible content
with a `PackageInfo` or a `CryptoError`/`Refused`; the disk is behind `port/packages`. Rejected:
reading lazily, file by file: a half-installed package would be found out in the middle of a start.

2026-11-24: A package comes and goes by one rename, out of or into a directory that its worker keeps
locked; what a killed process left is unlocked, and removed by the next one. Rejected: a journal of
installs: the lock says the same and cannot be stale.

2026-11-24: Uninstalling reads the specs and service records of all supervisors below the root.
Rejected: asking a running supervisor, as Habitat does: one that is down has services too.

2026-11-22: A symbolic link may lead into the package itself or into a package it names in TDEPS,
nowhere else. Rejected: refusing every absolute link, because Habitat's own packages link to their
dependencies; accepting all, because a package is unpacked by root.

2026-11-24: A depot is a folder of HART files, keys and one channel table, the same with a server
before it and without (`channels.py`, `artifact.py`, `builder.py`). `unstable` has no entries: it is
all there is, so a file that was copied in counts. Rejected: a database, as Builder has; what is in
a depot should be seen by `ls` and moved by `cp`.

2026-11-25: Of Builder's API a depot serves what supervisors and `hab pkg` ask for, and no more: it
moves no whole channel at once, knows no private package, and answers nothing about who depends on
whom. Rejected: keeping and making secret keys, as Builder does. A folder that everybody may read is
no place for them, and `hab pkg build` signs where the key is. Refusals have a text, where Builder's
are mostly empty: Habitat's client shows it.

2026-11-24: The depot meant, when none is named, is the folder `depot` below the root. Rejected:
Habitat's public Builder. Nobody's machine should fetch from a stranger without being told to, and
without a network the same commands work.

2026-11-24: Installs are child processes of the supervisor, one for each thing to install; who asks
for the same joins (`adapters/installs.py`). Rejected: a thread (a download of minutes would keep
httpx and its buffers in the supervisor for good); ending the child with the actor that asked: what
was downloaded would be lost, and is asked for again by the next instance anyway.

2026-11-24: Where the channel has no such package, or a load finds the depot down, the newest of the
artifact cache is taken, and that is said. Rejected: failing, as Habitat does; what is at hand and
signed is what a person who stands without a network wants.

2026-11-24: A client takes nothing for granted that a depot says (`patience.py`, `builder.py`):
names are compared with what was asked for, JSON is typed, pace is measured. Rejected: writing a
download under the name the server gives, as Habitat does.

2026-11-25: Which release of a channel should run is asked on a thread of its depot, inside the
supervisor: a short GET once a minute. Rejected: a child process for each question, as for installs:
starting it costs more than a hundred times the question.

2026-11-22: `depot` passes questions on with their tickets and keeps no state but the installs it
relays. Its death costs an asker of an install a repeated question, and no other asker anything.
"""
