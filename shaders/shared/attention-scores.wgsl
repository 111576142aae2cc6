// Scores of 16 queries and the keys in workgroup memory, for attention-prefill-matrix.wgsl.
#repeat t BLOCKS open
var s#t = Sum();
#end
#repeat c COLUMNS
#repeat t BLOCKS
let keys = subgroupMatrixLoad<Right, col_major>(&tile, t * 16u * STRIDE + 2u * c, STRIDE);
s#t = subgroupMatrixMultiplyAccumulate(q#c, keys, s#t);
#end
#end
#repeat t BLOCKS
subgroupMatrixStore<row_major>(&tile, scores_at + (4u * t + 2u * t / BLOCKS), s#t, SCORE_STRIDE);
#end
