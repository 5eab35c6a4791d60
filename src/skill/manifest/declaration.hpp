#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "skill/manifest/fields.hpp"

namespace skill_verifier::skill::manifest {

template <class T>
struct Found {
  T value;
  Origin origin;
  Position at;
};

/// Gathers the test declaration from the places where it may stand. The places are read in the order of precedence;
/// what stands twice has to mean the same, or the reader of one place and we would see different tests.
class Declaration {
 public:
  explicit Declaration(Diagnostics& warnings) : warnings_(warnings) {}

  // Each returns false when the manifest is refused; then refusal() says why and the object is done with.
  bool read_sidecar(const Node& root, std::string_view file);
  bool read_metadata(const Node& metadata, std::string_view file);
  bool read_top_level(const Node& root, std::string_view file);

  std::optional<Diagnostic> refusal() { return std::move(refusal_); }
  bool has_command() const { return command_.has_value(); }
  bool has_runtime() const { return runtime_.has_value(); }
  bool has_deps() const { return deps_.has_value(); }
  const std::optional<Found<std::string>>& version() const { return version_; }
  /// A `runtime` that is none, in a place where the word may mean something else. It matters only if a test is to run.
  const std::optional<Diagnostic>& foreign_runtime() const { return foreign_runtime_; }
  TestDeclaration result() const;

 private:
  enum class Field { runtime, deps, command, timeout, environment, network };
  static std::optional<Field> flat_field(std::string_view name);
  static std::optional<Field> test_field(std::string_view name);

  bool read_block(const Node& block, const std::string& prefix, std::string_view file, bool version);
  bool read_test(const Node& test, const std::string& prefix, std::string_view file);
  bool take(Field field, const Node& node, const Origin& origin, bool shared = false);
  bool unknown(const Member& member, const Origin& origin, std::string_view known);
  void warn(std::string code, std::string message, std::string_view file, Position at);

  template <class T>
  bool offer(std::optional<Found<T>>& slot, Parsed<T> value, const Node& node, const Origin& origin);

  Diagnostics& warnings_;
  std::optional<Diagnostic> refusal_;
  std::optional<Diagnostic> foreign_runtime_;
  std::optional<Found<std::string>> version_;
  std::optional<Found<std::string>> runtime_;
  std::optional<Found<Command>> deps_;
  std::optional<Found<Command>> command_;
  std::optional<Found<std::chrono::milliseconds>> timeout_;
  std::optional<Found<Environment>> environment_;
  std::optional<Found<Network>> network_;
};

}  // namespace skill_verifier::skill::manifest
