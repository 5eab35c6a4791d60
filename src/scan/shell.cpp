#include "scan/shell.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <string>

namespace skill_verifier::scan {
namespace {

constexpr std::size_t kMaxQuoted = 8192;
constexpr std::size_t kMaxValue = 300;
constexpr std::size_t kMaxVariables = 200;
constexpr int kMaxNesting = 3;

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}
bool is_operator(char c) {
  return c == '|' || c == ';' || c == '&' || c == '`' || c == '<' || c == '>';
}
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  plain.fill(true);
  for (const char c : std::string_view("\n \t\\`^'\"$#;&|/"))
    plain[static_cast<unsigned char>(c)] = false;
  return plain;
}();
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Normaliser {
 public:
  Normaliser(Language language, bool loose, int depth, const CommandSink& sink)
      : language_(language), loose_(loose), depth_(depth), sink_(sink) {}

  void run(MappedView text) {
    text_ = text;
    start_of_line();
    while (at_ < text_.size())
      step();
    flush();
  }

 private:
  char here() const { return text_.text[at_]; }
  char next(std::size_t ahead = 1) const { return at_ + ahead < text_.size() ? text_.text[at_ + ahead] : '\0'; }
  std::uint32_t origin() const { return text_.origin[at_]; }
  void put(char c) {
    if (c == ' ' && (out_.text.empty() || out_.text.back() == ' ')) return;
    out_.push(c, origin());
  }
  void take() {
    put(here());
    ++at_;
  }

  void step() {
    if (const std::size_t count = plain_bytes()) {
      out_.append(text_.substr(at_, count));
      at_ += count;
      return;
    }
    const char c = here();
    if (c == '\n') {
      flush();
      ++at_;
      start_of_line();
    } else if (c == ' ' || c == '\t') {
      put(' ');
      ++at_;
    } else if (c == '\\' && language_ != Language::powershell && language_ != Language::batch) {
      escape();
    } else if ((c == '`' && language_ == Language::powershell) || (c == '^' && language_ == Language::batch)) {
      at_ += next() == '\n' ? 2 : 1;
    } else if (c == '\'' || c == '"') {
      quote(c);
    } else if (c == '$' && next() == '\'') {
      ++at_;
      ansi_quote();
    } else if (c == '$') {
      dollar();
    } else if (c == '`') {
      back_quote();
    } else if (c == '#' && !loose_ && (out_.text.empty() || out_.text.back() == ' ')) {
      const auto end = text_.text.find('\n', at_);
      at_ = end == std::string_view::npos ? text_.size() : end;
    } else if (c == ';' || c == '&' || c == '|') {
      remember_assignment();
      take();
      segment_ = out_.text.size();
    } else if (c == '/' && (out_.text.empty() || !is_word(out_.text.back())) && skip_program_folder()) {
    } else {
      take();
    }
  }

  /// How many bytes come that mean nothing but themselves, whatever stands around them.
  std::size_t plain_bytes() const {
    std::size_t end = at_;
    while (end < text_.size() && kPlain[static_cast<unsigned char>(text_.text[end])])
      ++end;
    return end - at_;
  }

  /// Prompts of pasted sessions.
  void start_of_line() {
    while (at_ < text_.size() && (here() == ' ' || here() == '\t'))
      ++at_;
    if (at_ + 1 < text_.size() && (here() == '$' || here() == '%' || here() == '>') && next() == ' ') at_ += 2;
    const std::string_view rest = text_.text.substr(at_, 200);
    if (rest.starts_with("PS ") && rest.find('>') < rest.find('\n')) at_ += rest.find('>') + 1;
    for (const std::string_view keyword : {"RUN ", "ENTRYPOINT ", "- run: ", "run: "}) {
      if (rest.starts_with(keyword)) at_ += keyword.size();
    }
  }

  void escape() {
    if (next() == '\n') {
      put(' ');
      at_ += 2;
    } else if (next() == '\r' || next() == '\0') {
      ++at_;
    } else {
      ++at_;
      is_operator(here()) ? hide_operator() : take();
    }
  }

  void hide_operator() {
    if (here() == '<' || here() == '>') {
      take();
      return;
    }
    out_.append("\xC2\xA6", origin());
    ++at_;
  }

  void quote(char mark) {
    const bool apostrophe = mark == '\'' && loose_ && at_ > 0 && is_word(text_.text[at_ - 1]) && is_word(next());
    const auto end = apostrophe ? std::nullopt : closing(mark);
    if (!end) {
      take();
      return;
    }
    const std::size_t begin = at_ + 1;
    bool operators = false;
    for (at_ = begin; at_ < *end;) {
      const char c = here();
      if (c == '\\' && mark == '"' && at_ + 1 < *end) {
        ++at_;
        if (here() == '\n')
          ++at_;
        else
          take();
      } else if (c == '$' && mark == '"') {
        dollar();
      } else if (is_operator(c)) {
        operators = true;
        hide_operator();
      } else if (c == '\n') {
        operators = true;
        put(' ');
        ++at_;
      } else {
        take();
      }
    }
    at_ = *end + 1;
    if (operators && depth_ < kMaxNesting) nested(begin, *end, mark);
  }

  void nested(std::size_t begin, std::size_t end, char mark) {
    Mapped inner;
    for (std::size_t i = begin; i < end; ++i) {
      const char c = text_.text[i];
      if (c == '\\' && mark == '"' && i + 1 < end && (text_.text[i + 1] == '"' || text_.text[i + 1] == '$')) continue;
      inner.push(c, text_.origin[i]);
    }
    Normaliser(language_, loose_, depth_ + 1, sink_).run(inner);
  }

  std::optional<std::size_t> closing(char mark) const {
    const std::size_t limit = std::min(text_.size(), at_ + kMaxQuoted);
    for (std::size_t i = at_ + 1; i < limit; ++i) {
      const char c = text_.text[i];
      if (c == mark) return i;
      if (c == '\\' && mark == '"') ++i;
      if (c == '\n' && loose_) return std::nullopt;
    }
    return std::nullopt;
  }

  /// $'\x63url'
  void ansi_quote() {
    const auto end = closing('\'');
    if (!end) {
      take();
      return;
    }
    for (++at_; at_ < *end;) {
      if (here() != '\\' || at_ + 1 >= *end) {
        take();
        continue;
      }
      ++at_;
      int value = -1;
      std::size_t digits = 0;
      if (here() == 'x') {
        for (value = 0; digits < 2 && hex_digit(next(1 + digits)) >= 0; ++digits)
          value = value * 16 + hex_digit(next(1 + digits));
        ++digits;
      } else if (here() >= '0' && here() <= '7') {
        for (value = 0; digits < 3 && next(digits) >= '0' && next(digits) <= '7'; ++digits)
          value = value * 8 + (next(digits) - '0');
      }
      if (value > 31 && value < 127) {
        put(static_cast<char>(value));
        at_ += digits;
      } else {
        put(' ');
        ++at_;
      }
    }
    at_ = *end + 1;
  }

  void dollar() {
    const bool braces = next() == '{';
    std::size_t end = at_ + (braces ? 2 : 1);
    const std::size_t name_at = end;
    while (end < text_.size() && is_word(text_.text[end]))
      ++end;
    const std::string name(text_.text.substr(name_at, end - name_at));
    if (braces && (end >= text_.size() || text_.text[end] != '}')) {
      take();
      return;
    }
    if (braces) ++end;
    if (name == "IFS") {
      put(' ');
    } else if (name.empty() && (next() == '@' || next() == '*')) {
      end = at_ + 2;  // empty in a script without arguments, and a way to break up a word
    } else if (const auto known = variables_.find(name); known != variables_.end() && known->second.size() < budget_) {
      budget_ -= known->second.size();
      out_.append(known->second, origin());
    } else {
      while (at_ < end)
        take();
      return;
    }
    at_ = end;
  }

  void back_quote() {
    const auto end = text_.text.find('`', at_ + 1);
    if (end == std::string_view::npos || end - at_ > kMaxQuoted ||
        text_.text.substr(at_, end - at_).find('\n') != std::string_view::npos) {
      put(' ');
      ++at_;
      return;
    }
    out_.append("$(", origin());
    const MappedView inner = text_.substr(at_ + 1, end - at_ - 1);
    out_.append(inner);
    out_.append(")", origin());
    at_ = end + 1;
  }

  bool skip_program_folder() {
    const std::string_view rest = text_.text.substr(at_, 24);
    for (const std::string_view folder : {"/usr/local/bin/", "/usr/local/sbin/", "/usr/bin/env ", "/usr/bin/",
                                          "/usr/sbin/", "/bin/", "/sbin/", "/opt/homebrew/bin/"}) {
      if (rest.starts_with(folder) && at_ + folder.size() < text_.size() && is_word(text_.text[at_ + folder.size()])) {
        at_ += folder.size();
        return true;
      }
    }
    return false;
  }

  void flush() {
    while (!out_.text.empty() && out_.text.back() == ' ') {
      out_.text.pop_back();
      out_.origin.pop_back();
    }
    if (!out_.text.empty()) {
      remember_assignment();
      sink_(out_);
    }
    out_.text.clear();
    out_.origin.clear();
    segment_ = 0;
  }

  void remember_assignment() {
    std::string_view line = std::string_view(out_.text).substr(std::min(segment_, out_.text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    line = line.substr(0, line.find_last_not_of(' ') + 1);
    if (line.starts_with("export ")) line.remove_prefix(7);
    const auto equals = line.find('=');
    if (equals == 0 || equals == std::string_view::npos || equals > 40 || line.size() - equals > kMaxValue) return;
    for (std::size_t i = 0; i < equals; ++i) {
      if (!is_word(line[i])) return;
    }
    const std::string_view value = line.substr(equals + 1);
    if (value.empty() || value.find("$(") != std::string_view::npos || variables_.size() >= kMaxVariables) return;
    variables_[std::string(line.substr(0, equals))] = std::string(value);
  }

  const Language language_;
  const bool loose_;
  const int depth_;
  const CommandSink& sink_;
  MappedView text_;
  std::size_t at_ = 0;
  Mapped out_;
  std::size_t segment_ = 0;  ///< where the command that is being read begins in out_
  std::map<std::string, std::string> variables_;
  std::size_t budget_ = 256u << 10;  ///< of bytes that variables may become, lest a short text grow without bound
};

bool may_be_command(std::string_view text) {
  return text.find(' ') != std::string_view::npos && text.find_first_of("|;&$<>(/-") != std::string_view::npos;
}

}  // namespace

void shell_commands(MappedView text, Language language, bool loose, const CommandSink& sink) {
  Normaliser(language, loose, 0, sink).run(text);
}

void quoted_commands(MappedView text, const CommandSink& sink) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char mark = text.text[at];
    if (mark == '\\') ++at;
    if (mark != '"' && mark != '\'' && mark != '`') continue;
    // An apostrophe of a comment would swallow what follows.
    if (mark == '\'' && at > 0 && is_word(text.text[at - 1]) && at + 1 < text.size() && is_word(text.text[at + 1]))
      continue;
    Mapped inner;
    std::size_t end = at + 1;
    for (; end < text.size() && text.text[end] != mark && end - at < kMaxQuoted; ++end) {
      if (text.text[end] == '\n' && mark != '`') break;
      if (text.text[end] == '\\' && end + 1 < text.size()) ++end;
      inner.push(text.text[end], text.origin[end]);
    }
    if (end >= text.size() || text.text[end] != mark) continue;
    if (may_be_command(inner.text)) Normaliser(Language::shell, true, 1, sink).run(inner);
    at = end;
  }
}

}  // namespace skill_verifier::scan
