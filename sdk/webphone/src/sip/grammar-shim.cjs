// Stands where JsSIP looks for its grammar.
const grammar = require("./grammar.ts");

grammar.provide(() => ({
  URI: require("jssip/lib/URI.js"),
  NameAddrHeader: require("jssip/lib/NameAddrHeader.js"),
}));

exports.parse = grammar.parse;
