"""Dataclasses that travel as JSON: strict reading, writing, and the same types and checks in TypeScript.

The messages of the server and the scene document are such dataclasses. A field with the default None may be absent; an
absent field with another default takes it. `Annotated` types carry an `efields.ranges.Range` or one of
`efields.wire.marks`.
"""
