#include <cstdint>
#include <cstdlib>

#include "skill_verifier/attest/check.hpp"
#include "skill_verifier/core/bytes.hpp"

// Evidence goes through the whole of `check`: whatever the bytes, there is a report, and never one that says valid, for
// no seed is signed by Intel.
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace skill_verifier;
  constexpr std::int64_t kNow = 1'780'000'000;
  const auto text = core::as_text({data, size});
  const auto evidence = attest::parse_evidence(text);
  if (!evidence) {
    require(!evidence.error().message.empty() && core::is_utf8(evidence.error().message));
    require(attest::unreadable(evidence.error(), kNow).verdict == attest::CheckVerdict::invalid);
    return 0;
  }
  attest::Expectations expected;
  expected.nonce = "a nonce";
  const auto report = attest::check(*evidence, expected, kNow);
  require(report.verdict != attest::CheckVerdict::valid && !report.rows.empty());
  for (const auto& row : report.rows)
    require(!row.title.empty() && (row.outcome == attest::Outcome::not_checked || !row.detail.empty()));
  return 0;
}
