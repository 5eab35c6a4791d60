'use strict';
const assert = require('assert');
const { joinNames } = require('./index.js');

assert.strictEqual(joinNames([]), '');
assert.strictEqual(joinNames(['Ada']), 'Ada');
assert.strictEqual(joinNames(['Ada', 'Grace']), 'Ada and Grace');
assert.strictEqual(joinNames(['Ada', 'Grace', 'Barbara']), 'Ada, Grace and Barbara');
assert.throws(() => joinNames('Ada'), TypeError);
console.log('5 assertions passed');
