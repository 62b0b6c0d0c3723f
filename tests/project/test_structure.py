"""How the modules hang together, beyond what the import contract says."""

from __future__ import annotations

import grimp
import pytest


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("moderation", exclude_type_checking_imports=True)


def test_no_modules_import_each_other_in_a_circle(imports: grimp.ImportGraph) -> None:
    """Nor lazily, inside functions; what is imported for its type alone may."""
    waiting = {one: set(imports.find_modules_directly_imported_by(one)) for one in imports.modules}
    while done := {one for one, needs in waiting.items() if not needs}:
        waiting = {one: needs - done for one, needs in waiting.items() if one not in done}

    assert waiting == {}, "Each of these imports, in some steps, one of the others."
