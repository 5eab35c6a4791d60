#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "skill/manifest/tree.hpp"

namespace skill_verifier::skill::manifest {
namespace {

/// Scalars in quotes, so that a null and the text "null" differ.
std::string render(const Node& node) {
  std::string text;
  switch (node.kind) {
    case Kind::null:
      return "null";
    case Kind::scalar:
      return "'" + node.text + "'";
    case Kind::sequence:
      for (const auto& item : node.items)
        text += (text.empty() ? "" : ", ") + render(item);
      return "[" + text + "]";
    case Kind::mapping:
      for (const auto& member : node.members)
        text += (text.empty() ? "" : ", ") + member.name + ": " + render(member.value);
      return "{" + text + "}";
  }
  return text;
}

std::string parsed(std::string_view yaml) {
  const auto node = parse_yaml(yaml, "SKILL.md", 2);
  return node ? render(*node) : node.error().code + ": " + node.error().message;
}

struct Accepted {
  std::string_view yaml;
  std::string_view tree;
};

TEST(ParseYaml, ReadsBlockStructure) {
  for (const auto& [yaml, tree] : std::vector<Accepted>{
           {"a: b\n", "{a: 'b'}"},
           {"a: b\nc:\n  d: e\n  f: g\nh: i\n", "{a: 'b', c: {d: 'e', f: 'g'}, h: 'i'}"},
           {"a:\n- b\n- c\nd: e\n", "{a: ['b', 'c'], d: 'e'}"},
           {"a:\n  - b: c\n    d: e\n  -\n    - f\n  - - g\n    - h\n", "{a: [{b: 'c', d: 'e'}, ['f'], ['g', 'h']]}"},
           {"  a: b\n  c: d\n", "{a: 'b', c: 'd'}"},
           {"a:\n  b\nc: d\n", "{a: 'b', c: 'd'}"},
           {"# c\n\na: b # d\n  # e\nf:\n# g\n  h: i\n", "{a: 'b', f: {h: 'i'}}"},
           {"\"a b\": c\n'd': e\n", "{a b: 'c', d: 'e'}"},
           {"a : b\n", "{a: 'b'}"},
           {"a:\tb\n", "{a: 'b'}"},
       }) {
    EXPECT_EQ(parsed(yaml), tree) << yaml;
  }
}

TEST(ParseYaml, KeepsTheSourceTextOfPlainScalars) {
  EXPECT_EQ(parsed("a: 1.0\nb: 010\nc: true\nd: 1e3\ne: 2026-01-01\nf: .inf\n"),
            "{a: '1.0', b: '010', c: 'true', d: '1e3', e: '2026-01-01', f: '.inf'}");
  EXPECT_EQ(parsed("a: http://x:80/#y\nb: a:b\nc: -x\nd: ?y\ne: :z\nf: x#y\ng: a, b] c}\n"),
            "{a: 'http://x:80/#y', b: 'a:b', c: '-x', d: '?y', e: ':z', f: 'x#y', g: 'a, b] c}'}");
}

TEST(ParseYaml, TellsNullFromText) {
  EXPECT_EQ(parsed("a:\nb: ~\nc: null\nd: Null\ne: NULL\nf: nULL\ng: \"\"\nh: 'null'\ni: \"~\"\n"),
            "{a: null, b: null, c: null, d: null, e: null, f: 'nULL', g: '', h: 'null', i: '~'}");
}

TEST(ParseYaml, ResolvesQuotes) {
  EXPECT_EQ(parsed("a: 'it''s'\nb: \"q \\\"x\\\" \\\\ \\/ \\x41\\u00e9\\U0001F600\\t|\"\n"),
            "{a: 'it's', b: 'q \"x\" \\ / A\xC3\xA9\xF0\x9F\x98\x80\t|'}");
  EXPECT_EQ(parsed("a: \"x: y # z\"\nb: 'c: d'\n"), "{a: 'x: y # z', b: 'c: d'}");
}

TEST(ParseYaml, FoldsScalarsOverSeveralLines) {
  EXPECT_EQ(parsed("a: one\n  two\n\n  three\nb: c\n"), "{a: 'one two\nthree', b: 'c'}");
  EXPECT_EQ(parsed("a: \"one\n  two\\\n  three\"\nb: 'x\n\n  y'\n"), "{a: 'one twothree', b: 'x\ny'}");
}

TEST(ParseYaml, ReadsBlockScalars) {
  EXPECT_EQ(parsed("a: |\n  x\n   y\n\n  z\nb: >\n  f\n  g\n\n  h\n   i\n"), "{a: 'x\n y\n\nz\n', b: 'f g\nh\n i\n'}");
  EXPECT_EQ(parsed("a: |-\n  x\n\nb: |+\n  x\n\nc: >-\n  x\n\nd: >+\n  x\n\n\ne: f\n"),
            "{a: 'x', b: 'x\n\n', c: 'x', d: 'x\n\n\n', e: 'f'}");
  EXPECT_EQ(parsed("a: |2-\n   x\n  y\nb: >-1\n  z\n"), "{a: ' x\ny', b: ' z'}");
  EXPECT_EQ(parsed("a: | # note\n  # text\n  x: y\n  'z\nb: >+\n\nc: d\n"),
            "{a: '# text\nx: y\n'z\n', b: '\n', c: 'd'}");
  EXPECT_EQ(parsed("a: |\n  x\n\ty: z\n"), parsed("a: |\n  x\n\ty\n")) << "a tab is no indentation";
}

TEST(ParseYaml, ReadsFlowCollections) {
  EXPECT_EQ(parsed("a: {\"b\":{\"c\":[\"d\",\"e\"]},f: g}\n"), "{a: {b: {c: ['d', 'e']}, f: 'g'}}");
  EXPECT_EQ(parsed("a: [b, 'c', [d], {e: f},]\nb: []\nc: {}\n"), "{a: ['b', 'c', ['d'], {e: 'f'}], b: [], c: {}}");
  EXPECT_EQ(parsed("a: [\n    b, # x\n\n    c d\n    e\n  ]\n"), "{a: ['b', 'c d e']}");
  EXPECT_EQ(parsed("a: {b, c: , d: ~}\n"), "{a: {b: null, c: null, d: null}}");
  EXPECT_EQ(parsed("a: [b: c, http://x, -1, a?b]\n"), "{a: [{b: 'c'}, 'http://x', '-1', 'a?b']}");
  EXPECT_EQ(parsed("{a: b}\n"), "{a: 'b'}");
}

TEST(ParseYaml, ReadsQuestionMarksInBracketsAsText) {
  EXPECT_EQ(parsed("a: [what? now, why?, \"\\x01?\"]\n"), "{a: ['what? now', 'why?', '\x01?']}");
}

struct Refused {
  std::string_view yaml;
  std::string_view code;
  int line;
  int column;
};

void expect_refusals(const std::vector<Refused>& cases) {
  for (const auto& [yaml, code, line, column] : cases) {
    const auto node = parse_yaml(yaml, "SKILL.md", 2);
    ASSERT_FALSE(node) << yaml << render(*node);
    EXPECT_EQ(node.error().code, code) << yaml << node.error().message;
    EXPECT_EQ(node.error().at.line, line) << yaml;
    EXPECT_EQ(node.error().at.column, column) << yaml;
    EXPECT_EQ(node.error().file, "SKILL.md");
    EXPECT_FALSE(node.error().message.empty());
  }
}

TEST(ParseYaml, RefusesWhatTheSubsetLeavesOut) {
  expect_refusals({
      {"a: &x b\n", "yaml_anchor", 2, 4},
      {"&x a: b\n", "yaml_anchor", 2, 1},
      {"a: [&x b]\n", "yaml_anchor", 2, 5},
      {"a: *x\n", "yaml_alias", 2, 4},
      {"*x : b\n", "yaml_alias", 2, 1},
      {"a: !!str b\n", "yaml_tag", 2, 4},
      {"a: ! b\n", "yaml_tag", 2, 4},
      {"a: [!x b]\n", "yaml_tag", 2, 5},
      {"a:\n  <<: b\n", "yaml_merge_key", 3, 3},
      {"? a\n: b\n", "yaml_complex_key", 2, 1},
      {"a: {? b : c}\n", "yaml_complex_key", 2, 5},
      {"[a]: b\n", "yaml_complex_key", 2, 1},
      {"a: {[b]: c}\n", "yaml_complex_key", 2, 5},
      {": b\n", "yaml_complex_key", 2, 1},
      {"a: {: b}\n", "yaml_complex_key", 2, 5},
      {"~: b\n", "yaml_complex_key", 2, 1},
      {"a: {null: b}\n", "yaml_complex_key", 2, 5},
      {"a: b\n%YAML 1.2\n", "yaml_directive", 3, 1},
      {"a: b\n--- c\n", "yaml_multiple_documents", 3, 1},
      {"a: b\n...\n", "yaml_multiple_documents", 3, 1},
      {"a: \"x\n--- y\"\n", "yaml_multiple_documents", 3, 1},
      {"a: b\na: c\n", "yaml_duplicate_key", 3, 1},
      {"a: {b: c, 'b': d}\n", "yaml_duplicate_key", 2, 11},
      {"a: b\n\"\\x61\": c\n", "yaml_duplicate_key", 3, 1},
  });
}

TEST(ParseYaml, RefusesTextThatIsNoYaml) {
  expect_refusals({
      {"a: b: c\n", "yaml_unquoted_colon", 2, 5},
      {"a: b:\n", "yaml_unquoted_colon", 2, 5},
      {"l:\n  - a: b: c\n", "yaml_unquoted_colon", 3, 9},
      {"a: \"b\": c\n", "yaml_unquoted_colon", 2, 7},
      {"a: b\n  c: d\n", "yaml_multiline_implicit_key", 3, 3},
      {"\"a\n b\": c\n", "yaml_multiline_implicit_key", 2, 1},
      {"a: {b\n  c: d}\n", "yaml_multiline_implicit_key", 2, 5},
      {"a: 'b'\n  c: d\n", "yaml_bad_indent", 3, 3},
      {"a:\n    b: c\n  d: e\n", "yaml_bad_indent", 4, 3},
      {"a:\n  - b\n c: d\n", "yaml_bad_indent", 4, 2},
      {"  a: b\nc: d\n", "yaml_bad_indent", 3, 1},
      {"a: b\n- c\n", "yaml_bad_indent", 3, 1},
      {"a: [b,\nc]\n", "yaml_bad_indent", 3, 1},
      {"a: {\n  b: c\n}\n", "yaml_bad_indent", 4, 1},
      {"a: \"b\nc\"\n", "yaml_bad_indent", 3, 1},
      {"a: |\n    \n  b\n", "yaml_bad_indent", 4, 3},
      {"a: - b\n", "yaml_unexpected_token", 2, 4},
      {"a: \"b\" c\n", "yaml_unexpected_token", 2, 8},
      {"a: \"b\"#c\n", "yaml_unexpected_token", 2, 7},
      {"a: [b] c\n", "yaml_unexpected_token", 2, 8},
      {"a: [b, , c]\n", "yaml_unexpected_token", 2, 8},
      {"a: [, b]\n", "yaml_unexpected_token", 2, 5},
      {"a: ['b' 'c']\n", "yaml_unexpected_token", 2, 9},
      {"a: {b: c: d}\n", "yaml_unexpected_token", 2, 9},
      {"a: {b:[c]}\n", "yaml_unexpected_token", 2, 6},
      {"a: [b}\n", "yaml_unexpected_token", 2, 6},
      {"a: [- b]\n", "yaml_unexpected_token", 2, 5},
      {"a: ]\n", "yaml_unexpected_token", 2, 4},
      {"a: , b\n", "yaml_unexpected_token", 2, 4},
      {"a: |b\n", "yaml_unexpected_token", 2, 5},
      {"a: |12\n", "yaml_unexpected_token", 2, 6},
      {"a: | b\n", "yaml_unexpected_token", 2, 6},
      {"a: \"b\n", "yaml_missing_char", 2, 4},
      {"a: 'b\n", "yaml_missing_char", 2, 4},
      {"a: [b\n", "yaml_missing_char", 2, 4},
      {"a: b\nc\nd: e\n", "yaml_missing_char", 3, 1},
      {"a:\nb\n", "yaml_missing_char", 3, 1},
      {"a: @b\n", "yaml_reserved_char_start", 2, 4},
      {"a: `b`\n", "yaml_reserved_char_start", 2, 4},
      {"a: %b\n", "yaml_reserved_char_start", 2, 4},
      {"a: \"\\'\"\n", "yaml_bad_escape", 2, 5},
      {"a: \"\\d\"\n", "yaml_bad_escape", 2, 5},
      {"a: \"\\x4\"\n", "yaml_bad_escape", 2, 5},
      {"a: \"\\ud83d\\ude00\"\n", "yaml_bad_escape", 2, 5},
      {"a: \"\\UFFFFFFFF\"\n", "yaml_bad_escape", 2, 5},
      {"a:\n\tb: c\n", "yaml_tab_indentation", 3, 1},
      {"a:\n  \tb: c\n", "yaml_tab_indentation", 3, 3},
      {"a: b\n\tc\n", "yaml_tab_indentation", 3, 1},
      {"a: b\n\t\nc: d\n", "yaml_tab_indentation", 3, 1},
      {"a:\n-\tb: c\n", "yaml_tab_indentation", 3, 2},
      {"a:\n- \tb: c\n", "yaml_tab_indentation", 3, 3},
      {"a: [b,\n\tc]\n", "yaml_tab_indentation", 3, 1},
      {"a: 'b\n\tc'\n", "yaml_tab_indentation", 3, 1},
      {"a: b\x07\n", "yaml_nonprintable", 2, 5},
      {"a: b\x7F\n", "yaml_nonprintable", 2, 5},
      {"a: \xC2\x80\n", "yaml_nonprintable", 2, 4},
      {"a: \xEF\xBB\xBF\n", "yaml_nonprintable", 2, 4},
      {"a: \xEF\xBF\xBF\n", "yaml_nonprintable", 2, 4},
      {"a: |\n  \x01\n", "yaml_nonprintable", 3, 3},
  });
}

TEST(ParseYaml, RefusesAnythingButOneMapping) {
  expect_refusals({
      {"", "frontmatter_empty", 2, 1},
      {"\n# a\n", "frontmatter_empty", 2, 1},
      {"a\n", "frontmatter_not_mapping", 2, 1},
      {"- a\n", "frontmatter_not_mapping", 2, 1},
      {"[a]\n", "frontmatter_not_mapping", 2, 1},
      {"~\n", "frontmatter_not_mapping", 2, 1},
  });
}

TEST(ParseYaml, SpellsOutHowToQuoteAValueWithAColon) {
  const auto node = parse_yaml("name: x\ndescription: Use when: asked\n", "SKILL.md", 2);
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().at.line, 3);
  EXPECT_EQ(node.error().at.column, 22);
  EXPECT_NE(node.error().message.find("description: \"Use when: asked\""), std::string::npos) << node.error().message;
}

std::string nested_lists(std::size_t depth) {
  return "a: " + std::string(depth, '[') + std::string(depth, ']') + "\n";
}

std::string nested_blocks(std::size_t depth) {
  std::string yaml;
  for (std::size_t i = 0; i < depth; ++i)
    yaml += std::string(i, ' ') + "a:\n";
  return yaml;
}

TEST(ParseYaml, CapsDepthBeforeItRecurses) {
  EXPECT_TRUE(parse_yaml(nested_lists(kMaxDepth - 1), "f", 1));
  EXPECT_EQ(parse_yaml(nested_lists(kMaxDepth), "f", 1).error().code, "yaml_too_deep");
  EXPECT_EQ(parse_yaml(nested_lists(30'000), "f", 1).error().code, "yaml_too_deep");
  EXPECT_TRUE(parse_yaml(nested_blocks(kMaxDepth), "f", 1));
  EXPECT_EQ(parse_yaml(nested_blocks(kMaxDepth + 1), "f", 1).error().code, "yaml_too_deep");
  std::string dashes = "a:\n";
  for (int i = 0; i < 20'000; ++i)
    dashes += "- ";
  EXPECT_EQ(parse_yaml(dashes + "b\n", "f", 1).error().code, "yaml_too_deep");
}

std::string many_keys(std::size_t count) {
  std::string yaml;
  for (std::size_t i = 0; i < count; ++i)
    yaml += "k" + std::to_string(i) + ":\n";
  return yaml;
}

TEST(ParseYaml, CapsTheLengthOfAKey) {
  EXPECT_TRUE(parse_yaml(std::string(1024, 'a') + ": b\n", "f", 1));
  EXPECT_EQ(parse_yaml(std::string(1025, 'a') + ": b\n", "f", 1).error().code, "yaml_unexpected_token");
}

TEST(ParseYaml, CapsTheNumberOfNodes) {
  // The mapping itself, and a key and a value each.
  EXPECT_TRUE(parse_yaml(many_keys((kMaxNodes - 1) / 2), "f", 1));
  EXPECT_EQ(parse_yaml(many_keys((kMaxNodes - 1) / 2 + 1), "f", 1).error().code, "yaml_too_many_nodes");
}

TEST(ParseJsonTree, KeepsTextAndIntegersAndFlagsFractions) {
  const auto node = parse_json_tree(R"({"a":"1.0","b":30,"c":[true,null],"d":1.10})", "x.json");
  ASSERT_TRUE(node);
  EXPECT_EQ(node->find("a")->text, "1.0");
  EXPECT_EQ(node->find("b")->text, "30");
  EXPECT_EQ(node->find("c")->items[0].text, "true");
  EXPECT_EQ(node->find("c")->items[1].kind, Kind::null);
  EXPECT_TRUE(node->find("d")->inexact);
  EXPECT_FALSE(node->find("b")->inexact);
}

TEST(ParseJsonTree, RefusesWhatIsNoObjectOrOverTheCaps) {
  for (const std::string_view json : {"", "[]", "{", "{\"a\":1,\"a\":2}", "{\"a\":1} x", "\"a\""}) {
    const auto node = parse_json_tree(json, "x.json");
    ASSERT_FALSE(node) << json;
    EXPECT_EQ(node.error().code, "json_invalid");
    EXPECT_EQ(node.error().file, "x.json");
  }
  std::string many = "{\"a\":[0";
  for (std::size_t i = 0; i < kMaxNodes; ++i)
    many += ",0";
  EXPECT_EQ(parse_json_tree(many + "]}", "x.json").error().code, "yaml_too_many_nodes");
  EXPECT_EQ(parse_json_tree("{\"a\":" + std::string(5'000, '[') + std::string(5'000, ']') + "}", "x").error().code,
            "json_invalid");
}

TEST(JsonStringList, TakesOnlyListsOfStrings) {
  EXPECT_EQ(json_string_list(R"( ["npm", "test"] )"), (std::vector<std::string>{"npm", "test"}));
  EXPECT_EQ(json_string_list("[]"), std::vector<std::string>{});
  for (const std::string_view text :
       {"npm test", "[ -f x ] && y", "[\"a\", 1]", "[\"a\"", "{}", "\"a\"", "[\"a\"] x"}) {
    EXPECT_EQ(json_string_list(text), std::nullopt) << text;
  }
}

TEST(StripTrailingCommas, LeavesStringsAlone) {
  EXPECT_EQ(strip_trailing_commas(R"({"a":[1,2, ],"b":",]\",}",})"), R"({"a":[1,2 ],"b":",]\",}"})");
}

}  // namespace
}  // namespace skill_verifier::skill::manifest
