// The same package through require: Node 20.19 loads ES modules with it.
const { engine, tensor } = require('chainrule');

const sum = tensor([1, 2, 3])
  .add(tensor([10, 20, 30]))
  .sum();
console.log(JSON.stringify({ sum: sum.itemSync(), isa: engine.stats().isa }));
