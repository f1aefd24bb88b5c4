"""The published rows hold together, name their source, and leave out what was never read in one."""

import pytest

from asm_interp.evaluation import published_table
from asm_interp.evaluation.published import HEADLINE, PUBLISHED


def test_the_paper_s_own_rows() -> None:
    rows = {row.kind: row for row in PUBLISHED if row.method == "ASM-Net"}
    assert rows["fcdb"].values == {"IoU": 0.7489, "Disp": 0.068}
    assert rows["flms"].values == {"IoU": 0.8486, "Disp": 0.039}
    assert rows["gaicd"].values == {"SRCC": 0.766, "Acc_5": 54.3, "Acc_10": 71.5}
    assert {kind: row.n for kind, row in rows.items()} == {"fcdb": 358, "flms": 500, "gaicd": 200}
    assert {kind: row.source for kind, row in rows.items()} == {
        "fcdb": "Tu et al., AAAI 2020, Table 2",
        "flms": "Tu et al., AAAI 2020, Table 3",
        "gaicd": "Tu et al., AAAI 2020, Table 4",
    }


def test_every_row_names_its_source_and_only_metrics_of_its_protocol() -> None:
    for row in PUBLISHED:
        assert row.source, row
        assert row.method, row
        table = published_table(row.kind)
        assert set(row.values) <= set(table.columns), row
        for metric, value in row.values.items():
            assert 0 < value < (100 if "Acc" in metric else 1), row
    assert len({(row.kind, row.method) for row in PUBLISHED}) == len(PUBLISHED)


@pytest.mark.parametrize("n", [5, 10])
def test_mean_acc_lies_within_half_a_point_of_its_parts_where_all_are_published(n: int) -> None:
    """The means given for GAICv2 ShuffleNetV2 lie .5 and .3 below those of the parts given."""
    complete = [row for row in PUBLISHED if {f"Acc_{k}/{n}" for k in (1, 2, 3, 4)} <= set(row.values)]
    assert len(complete) == 2
    for row in complete:
        mean = sum(row.values[f"Acc_{k}/{n}"] for k in (1, 2, 3, 4)) / 4
        assert row.values[f"Acc_{n}"] == pytest.approx(mean, abs=0.5), row.method


@pytest.mark.parametrize("name", ["A2-RL", "LVRN", "Cropper", "CROP", "GenCrop", "HCIC", "UNIC", "Zhang"])
def test_what_was_not_read_at_its_source_is_not_there(name: str) -> None:
    assert [row for row in PUBLISHED if row.method.split(" ")[0] == name] == []


def test_tables_have_one_shape_with_or_without_rows() -> None:
    for kind, metrics in HEADLINE.items():
        table = published_table(kind)
        assert table.columns[0] == "method"
        assert set(metrics) <= set(table.columns)
        assert table.columns[-3:].tolist() == ["n", "trained on", "source"]
    assert {kind: len(published_table(kind)) for kind in ("planted", "fcdb-ranking")} == {
        "planted": 0,
        "fcdb-ranking": 0,
    }
    with pytest.raises(ValueError, match="no protocol 'ava'"):
        published_table("ava")
