/** The whole site as files, in out/: a model in the tab needs no server. */
export default { output: "export" };
