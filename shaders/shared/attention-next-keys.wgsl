// Asks for the keys of the next tile, and where those of the tile at `later` stand.
#repeat b BLOCKS
#repeat l LOADS
key#b#l = kv[key_index(next_block#b, l * LINES + line, kv_head) / 2u + unit];
#end
block#b = next_block#b;
#end
#repeat b BLOCKS
next_block#b = block_table[min(later / BLOCK + b, last_block)];
#end
