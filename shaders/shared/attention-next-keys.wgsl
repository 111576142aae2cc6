// Asks for the keys of the next tile, and where those of the tile at `later` stand.
#repeat b BLOCKS
#repeat l LOADS
key#b#l = kv[key_index(next_page#b, l * LINES + line, kv_head) / 2u + unit];
#end
page#b = next_page#b;
#end
#repeat b BLOCKS
next_page#b = page_of(slot, min(later / BLOCK + b, last_block));
#end
