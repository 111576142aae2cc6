// What every kernel of a program reads: see rows.wgsl for the functions. Glossary of dimension letters: docs/kernels.md.
#import rows
@group(0) @binding(8) var<uniform> state: State;
