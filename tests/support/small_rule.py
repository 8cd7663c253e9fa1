"""`block-cdc-test`: the rule `block-cdc-1` at a size at which tests reach every path."""

from galleria_storage.rules import BLOCK_CDC_1, Rule, register

SMALL_RULE = Rule(
    name="block-cdc-test",
    block=64,
    segment=16 << 10,
    hole_blocks=BLOCK_CDC_1.hole_blocks,
    min_blocks=BLOCK_CDC_1.min_blocks,
    mid_blocks=BLOCK_CDC_1.mid_blocks,
    max_blocks=BLOCK_CDC_1.max_blocks,
    early_mask=BLOCK_CDC_1.early_mask,
    late_mask=BLOCK_CDC_1.late_mask,
    # As many segments as the largest disk of the real rule has.
    max_disk=BLOCK_CDC_1.max_segments * (16 << 10),
)

register(SMALL_RULE)
