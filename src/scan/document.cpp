#include "scan/document.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace skill_verifier::scan {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

template <std::size_t N>
bool one_of(std::string_view text, const std::array<std::string_view, N>& list) {
  return std::ranges::find(list, text) != list.end();
}

constexpr std::array<std::string_view, 15> kShellTags{"sh",           "bash", "zsh",     "shell",         "console",
                                                      "terminal",     "ksh",  "dash",    "shell-session", "sh-session",
                                                      "shellsession", "fish", "command", "cmdline",       "dockerfile"};
constexpr std::array<std::string_view, 7> kDocuments{"md", "markdown", "mdx", "txt", "rst", "html", "htm"};
constexpr std::array<std::string_view, 10> kData{"json", "jsonc", "yaml", "yml", "toml",
                                                 "ini",  "cfg",   "xml",  "csv", "lock"};
constexpr std::array<std::string_view, 6> kShellFiles{"sh", "bash", "zsh", "ksh", "command", "fish"};

/// The interpreter that a `#!` line names, without version digits, or nothing.
std::string interpreter(std::string_view text) {
  if (!text.starts_with("#!")) return {};
  std::string_view line = text.substr(2, text.find('\n') == std::string_view::npos ? 200 : text.find('\n') - 2);
  std::string found;
  while (!line.empty()) {
    const auto end = line.find_first_of(" \t\r");
    std::string_view word = line.substr(0, end);
    line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
    if (word.empty() || word.starts_with('-')) continue;
    word.remove_prefix(word.rfind('/') == std::string_view::npos ? 0 : word.rfind('/') + 1);
    if (word == "env" || word.find('=') != std::string_view::npos) continue;
    found = lower(word);
    break;
  }
  while (!found.empty() && (std::isdigit(static_cast<unsigned char>(found.back())) || found.back() == '.'))
    found.pop_back();
  return found;
}

std::size_t indentation(std::string_view line) {
  const auto first = line.find_first_not_of(" \t>");
  return first == std::string_view::npos ? line.size() : first;
}

/// Length of the run of fence characters that begins the line, 0 for none.
std::size_t fence_run(std::string_view line, char& kind) {
  if (line.empty() || (line.front() != '`' && line.front() != '~')) return 0;
  kind = line.front();
  const auto end = line.find_first_not_of(kind);
  const std::size_t count = end == std::string_view::npos ? line.size() : end;
  // Backticks in the info string mean that this is inline code.
  if (count < 3 || (kind == '`' && line.find('`', count) != std::string_view::npos)) return 0;
  return count;
}

class Splitter {
 public:
  explicit Splitter(MappedView text) : text_(text) {}

  std::vector<Block> run() {
    std::size_t at = frontmatter();
    while (at < text_.size()) {
      const auto end = text_.text.find('\n', at);
      const std::size_t next = end == std::string_view::npos ? text_.size() : end + 1;
      at = line(at, next);
    }
    close(text_.size());
    return std::move(blocks_);
  }

 private:
  std::size_t frontmatter() {
    if (!text_.text.starts_with("---")) return 0;
    const auto first = text_.text.find('\n');
    if (first == std::string_view::npos) return 0;
    const auto end = text_.text.find("\n---", first);
    if (end == std::string_view::npos) return 0;
    emit(Where::frontmatter, Language::other, first + 1, end + 1);
    const auto after = text_.text.find('\n', end + 1);
    start_ = after == std::string_view::npos ? text_.size() : after + 1;
    return start_;
  }

  std::size_t line(std::size_t at, std::size_t next) {
    const std::string_view whole = text_.text.substr(at, next - at);
    std::string_view body = whole.substr(indentation(whole));
    while (!body.empty() && (body.back() == '\n' || body.back() == ' ' || body.back() == '\t'))
      body.remove_suffix(1);
    // A fence may open an item of a list.
    std::string_view fence = body;
    if (fence.size() > 2 && (fence[0] == '-' || fence[0] == '*') && fence[1] == ' ') fence.remove_prefix(2);
    char kind = 0;
    if (const std::size_t count = fence_run(fence, kind)) return fenced(at, next, fence.substr(count), kind, count);
    if (const auto comment = whole.find("<!--"); comment != std::string_view::npos) return hidden(at + comment);
    if (body.empty()) {
      close(at);
      start_ = next;
    } else if (body.front() == '#' && body.find_first_not_of('#') < 7) {
      close(at);
      start_ = at;
      ++section_;
      heading_ = text_.substr(at, next - at);
      close(next);
    }
    return next;
  }

  std::size_t fenced(std::size_t at, std::size_t next, std::string_view info, char kind, std::size_t count) {
    close(at);
    const std::size_t body = next;
    std::size_t end = text_.size(), after = text_.size();
    for (std::size_t cursor = next; cursor < text_.size();) {
      const auto stop = text_.text.find('\n', cursor);
      const std::size_t following = stop == std::string_view::npos ? text_.size() : stop + 1;
      const std::string_view candidate = text_.text.substr(cursor, following - cursor);
      const std::string_view trimmed = candidate.substr(indentation(candidate));
      const auto run = trimmed.find_first_not_of(kind);
      const std::size_t run_length = run == std::string_view::npos ? trimmed.size() : run;
      if (run_length >= count && trimmed.find_first_not_of(" \t\n", run_length) == std::string_view::npos) {
        end = cursor;
        after = following;
        break;
      }
      cursor = following;
    }
    emit(Where::code, language_of_tag(info), body, end);
    start_ = after;
    return after;
  }

  std::size_t hidden(std::size_t at) {
    close(at);
    const auto end = text_.text.find("-->", at + 4);
    const std::size_t after = end == std::string_view::npos ? text_.size() : end + 3;
    emit(Where::hidden, Language::none, at, after);
    start_ = after;
    return after;
  }

  void close(std::size_t end) {
    if (end > start_) emit(Where::prose, Language::none, start_, end);
    start_ = end;
  }

  void emit(Where where, Language language, std::size_t begin, std::size_t end) {
    const MappedView text = text_.substr(begin, end - begin);
    if (text.text.find_first_not_of(" \t\n") == std::string_view::npos) return;
    blocks_.push_back({where, language, text, section_, heading_, where == Where::code ? last_prose_ : MappedView{}});
    if (where == Where::prose) last_prose_ = text;
  }

  MappedView text_;
  std::vector<Block> blocks_;
  std::size_t start_ = 0;
  std::uint32_t section_ = 0;
  MappedView heading_;
  MappedView last_prose_;
};

}  // namespace

std::string_view extension(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1);
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? std::string_view{} : name.substr(dot + 1);
}

Language language_of_tag(std::string_view tag) {
  const auto begin = tag.find_first_not_of(" \t{.");
  if (begin == std::string_view::npos) return Language::none;
  tag.remove_prefix(begin);
  const std::string name = lower(tag.substr(0, tag.find_first_of(" \t\n{,}:")));
  if (name.empty() || name == "text" || name == "txt" || name == "plaintext" || name == "plain") return Language::none;
  if (one_of(name, kShellTags)) return Language::shell;
  if (name == "powershell" || name == "ps1" || name == "pwsh" || name == "ps") return Language::powershell;
  if (name == "cmd" || name == "bat" || name == "batch" || name == "dos") return Language::batch;
  return Language::other;
}

Language language_of_file(std::string_view path, std::string_view text) {
  const std::string ext = lower(extension(path));
  if (one_of(ext, kShellFiles)) return Language::shell;
  if (ext == "ps1" || ext == "psm1") return Language::powershell;
  if (ext == "bat" || ext == "cmd") return Language::batch;
  const std::string program = interpreter(text);
  if (program.ends_with("sh") && program != "pwsh") return Language::shell;
  if (program == "pwsh") return Language::powershell;
  const std::string name = lower(path.substr(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1));
  return name == "makefile" || name == "dockerfile" || name == "justfile" ? Language::shell : Language::other;
}

FileKind kind_of(std::string_view path, std::string_view text) {
  const std::string ext = lower(extension(path));
  if (one_of(ext, kDocuments)) return FileKind::document;
  if (one_of(ext, kData)) return FileKind::data;
  if (!ext.empty() || text.starts_with("#!")) return FileKind::script;
  return language_of_file(path, text) == Language::other ? FileKind::document : FileKind::script;
}

std::vector<Block> markdown_blocks(MappedView text) {
  return Splitter(text).run();
}

std::vector<Block> file_blocks(std::string_view path, MappedView text) {
  if (kind_of(path, text.text) == FileKind::document) return markdown_blocks(text);
  return {Block{Where::script, language_of_file(path, text.text), text, 0, {}, {}}};
}

}  // namespace skill_verifier::scan
