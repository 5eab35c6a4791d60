#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace skill_verifier::core {

/// What a caller can do about a failure. HTTP status codes are derived from it in one place (http/problem.cpp).
enum class Errc {
  invalid_argument,  ///< the request is malformed: correct it and send it again
  not_found,         ///< the named thing does not exist
  conflict,          ///< the thing exists in a state that forbids the request
  rejected,          ///< well-formed, but refused by a rule: the message names the rule
  too_large,         ///< over a size limit, which the message names
  unsupported,       ///< a format, version or method that we do not speak
  overloaded,        ///< try again later, not at once
  unavailable,       ///< something we depend on does not answer
  timed_out,         ///< a deadline passed
  cancelled,         ///< somebody asked for it to stop
  internal,          ///< our fault
};

/// Lower-case name of the enumerator, for logs.
std::string_view to_string(Errc code);

/// Why a piece of work could not be done. `id` is the stable machine code (`snake_case`, e.g. `archive_path_escapes`),
/// `message` a sentence for a person (lower case, no full stop, naming the object and both sides of a mismatch), `hint`
/// what to do about it, possibly empty. None of them ever holds a secret or a path of this host.
struct Error {
  Error(Errc code, std::string id, std::string message, std::string hint = {})
      : code(code), id(std::move(id)), message(std::move(message)), hint(std::move(hint)) {}
  /// `id` becomes the name of the code.
  Error(Errc code, std::string message) : Error(code, std::string(to_string(code)), std::move(message)) {}

  Errc code;
  std::string id;
  std::string message;
  std::string hint;
};

/// The same error with "context: " before its message.
Error with_context(Error error, std::string_view context);

/// A value or the reason why there is none.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(Error error) : tl::expected<T, Error>(tl::unexpect, std::move(error)) {}
};

}  // namespace skill_verifier::core

namespace skill_verifier {
using core::Errc;
using core::Error;
using core::Result;
}  // namespace skill_verifier

#define SKILL_VERIFIER_CONCAT_2(a, b) a##b
#define SKILL_VERIFIER_CONCAT(a, b) SKILL_VERIFIER_CONCAT_2(a, b)
#define SKILL_VERIFIER_TRY_AS(tmp, declaration, expression, leave) \
  auto tmp = (expression);                                         \
  if (!tmp) leave std::move(tmp).error();                          \
  declaration = std::move(*tmp)
/// `SKILL_VERIFIER_TRY(auto quote, parse_quote(bytes));` declares `quote` or returns the error.
#define SKILL_VERIFIER_TRY(declaration, expression) \
  SKILL_VERIFIER_TRY_AS(SKILL_VERIFIER_CONCAT(try_result_, __LINE__), declaration, expression, return)
/// The same in a coroutine: `SKILL_VERIFIER_CO_TRY(auto image, co_await inspect(name));`
#define SKILL_VERIFIER_CO_TRY(declaration, expression) \
  SKILL_VERIFIER_TRY_AS(SKILL_VERIFIER_CONCAT(try_result_, __LINE__), declaration, expression, co_return)
/// The same for Result<void>: `SKILL_VERIFIER_TRY_VOID(append(out, value));`
#define SKILL_VERIFIER_TRY_VOID(expression) \
  if (auto try_void = (expression); !try_void) return std::move(try_void).error()
#define SKILL_VERIFIER_CO_TRY_VOID(expression) \
  if (auto try_void = (expression); !try_void) co_return std::move(try_void).error()
