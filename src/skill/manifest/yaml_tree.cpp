#include <fmt/core.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

#include "skill/manifest/tree.hpp"
#include "skill/manifest/yaml_guard.hpp"

namespace skill_verifier::skill::manifest {
namespace {

/// Leaves yaml-cpp's parser, which offers no other way to stop it.
struct Stop {
  Diagnostic refusal;
};

/// Builds the tree from yaml-cpp's events, holding each scalar against the guard's list.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const YamlGuard& guard, std::vector<ScalarToken> scalars, std::string_view file)
      : guard_(guard), scalars_(std::move(scalars)), file_(file) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) stop("yaml_multiple_documents", "a second document starts here; only one is read", mark);
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(anchor, mark);
    const bool written = next_ < scalars_.size() && scalars_[next_].null_word && scalars_[next_].offset == offset(mark);
    if (written) ++next_;
    if (expects_key()) stop("yaml_complex_key", "a key is missing, or means null", mark);
    add(make(Kind::null, mark));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { stop("yaml_alias", "an alias is not read", mark); }

  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& value) override {
    refuse_anchor(anchor, mark);
    if (next_ >= scalars_.size() || scalars_[next_].offset != offset(mark)) stop_unclear(mark);
    const ScalarToken& token = scalars_[next_++];
    std::string text = value;
    if (token.plain) std::ranges::replace(text, YamlGuard::kQuestionMark, '?');
    if (!expects_key()) {
      Node node = make(Kind::scalar, mark);
      node.text = std::move(text);
      if (token.kept_breaks) {
        node.text.resize(node.text.find_last_not_of('\n') + 1);
        node.text.append(*token.kept_breaks, '\n');
      }
      add(std::move(node));
      return;
    }
    if (token.plain && text == "<<") stop("yaml_merge_key", "`<<` merges mappings, which is not read", mark);
    count(mark);
    Frame& frame = frames_.back();
    const bool known = std::ranges::any_of(frame.node.members, [&](const Member& m) { return m.name == text; });
    if (known) stop("yaml_duplicate_key", fmt::format("the key {} stands twice in this mapping", shown(text)), mark);
    frame.node.members.push_back({std::move(text), position(mark), {}});
    frame.has_key = true;
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(Kind::sequence, mark, anchor, style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(Kind::mapping, mark, anchor, style);
  }
  void OnMapEnd() override { close(); }

  bool started() const { return documents_ > 0; }
  bool complete() const { return next_ == scalars_.size(); }
  Node take() { return std::move(root_); }

 private:
  struct Frame {
    Node node;
    bool has_key = false;  ///< a mapping's last member waits for its value
  };

  [[noreturn]] void stop(std::string code, std::string message, const YAML::Mark& mark) const {
    throw Stop{diagnose(std::move(code), std::move(message), file_, position(mark))};
  }
  [[noreturn]] void stop_unclear(const YAML::Mark& mark) const {
    stop("yaml_invalid", "this part can be read in two ways; write it more simply, with values in quotes", mark);
  }
  static std::size_t offset(const YAML::Mark& mark) { return static_cast<std::size_t>(std::max(mark.pos, 0)); }
  Position position(const YAML::Mark& mark) const { return guard_.position(offset(mark)); }
  bool expects_key() const {
    return !frames_.empty() && frames_.back().node.kind == Kind::mapping && !frames_.back().has_key;
  }
  void refuse_anchor(YAML::anchor_t anchor, const YAML::Mark& mark) const {
    if (anchor != YAML::NullAnchor) stop("yaml_anchor", "an anchor is not read", mark);
  }
  void count(const YAML::Mark& mark) {
    if (++nodes_ > kMaxNodes) stop("yaml_too_many_nodes", fmt::format("more than {} keys and values", kMaxNodes), mark);
  }

  Node make(Kind kind, const YAML::Mark& mark) {
    count(mark);
    Node node;
    node.kind = kind;
    node.at = position(mark);
    return node;
  }
  void open(Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor, YAML::EmitterStyle::value style) {
    refuse_anchor(anchor, mark);
    if (expects_key()) stop("yaml_complex_key", "a list or mapping cannot be a key", mark);
    if (frames_.size() >= kMaxDepth) stop("yaml_too_deep", fmt::format("nested more than {} deep", kMaxDepth), mark);
    Frame& frame = frames_.emplace_back();
    frame.node = make(kind, mark);
    frame.node.flow = style == YAML::EmitterStyle::Flow;
  }
  void close() {
    Node node = std::move(frames_.back().node);
    frames_.pop_back();
    add(std::move(node));
  }
  void add(Node node) {
    if (frames_.empty()) {
      root_ = std::move(node);
    } else if (frames_.back().node.kind == Kind::sequence) {
      frames_.back().node.items.push_back(std::move(node));
    } else {
      frames_.back().node.members.back().value = std::move(node);
      frames_.back().has_key = false;
    }
  }

  const YamlGuard& guard_;
  std::vector<ScalarToken> scalars_;
  std::string_view file_;
  std::size_t next_ = 0;
  std::size_t nodes_ = 0;
  int documents_ = 0;
  std::vector<Frame> frames_;
  Node root_;
};

}  // namespace

std::string_view to_string(Kind kind) {
  constexpr std::array<std::string_view, 4> kNames{"null", "text", "a list", "a mapping"};
  return kNames[static_cast<std::size_t>(kind)];
}

const Node* Node::find(std::string_view name) const {
  const auto found = std::ranges::find(members, name, &Member::name);
  return found == members.end() ? nullptr : &found->value;
}

Parsed<Node> parse_yaml(std::string_view yaml, std::string_view file, int first_line) {
  YamlGuard guard(yaml, file, first_line);
  auto scalars = guard.scan();
  if (!scalars) return std::move(scalars).error();
  TreeBuilder builder(guard, std::move(*scalars), file);
  try {
    std::istringstream stream(guard.masked_text());
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (Stop& stop) {
    return std::move(stop.refusal);
  } catch (const YAML::Exception& error) {
    const auto offset = static_cast<std::size_t>(std::max(error.mark.pos, 0));
    return diagnose("yaml_invalid", error.msg, file, guard.position(std::min(offset, yaml.size())));
  }
  if (!builder.started()) return diagnose("frontmatter_empty", "no fields are declared", file, {first_line, 1});
  Node root = builder.take();
  if (root.kind != Kind::mapping) {
    return diagnose("frontmatter_not_mapping",
                    fmt::format("`key: value` lines are expected, not {}", to_string(root.kind)), file, root.at);
  }
  if (!builder.complete()) {
    return diagnose("yaml_invalid", "some of the text belongs to no key", file, root.at);
  }
  return root;
}

bool is_yaml_error(std::string_view code) {
  constexpr std::array<std::string_view, 10> kErrors{
      "yaml_nonprintable",        "yaml_bad_indent", "yaml_tab_indentation",        "yaml_unquoted_colon",
      "yaml_unexpected_token",    "yaml_invalid",    "yaml_multiline_implicit_key", "yaml_missing_char",
      "yaml_reserved_char_start", "yaml_bad_escape"};
  return std::ranges::find(kErrors, code) != kErrors.end();
}

}  // namespace skill_verifier::skill::manifest
