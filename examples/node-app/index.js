'use strict';

/** Joins names as a sentence does: "a", "a and b", "a, b and c". */
function joinNames(names) {
  if (!Array.isArray(names)) throw new TypeError('names must be an array');
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
}

module.exports = { joinNames };
