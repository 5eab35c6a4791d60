#include <openssl/ec.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

#include "figure.hpp"
#include "skill_verifier/dcap/verify.hpp"
#include "stats.hpp"
#include "support/paths.hpp"
#include "test_pki/world.hpp"

namespace skill_verifier::bench {
namespace {

constexpr int kRounds = 300, kQuickRounds = 30;
constexpr int kPerRound = 5;
constexpr int kColdSignatures = 9, kCachedSignatures = 3;
constexpr std::int64_t kFixtureInstant = 1751624191;  // 2025-07-04, within every window of the fixture's collateral
constexpr int kSkipped = 77;

struct Sample {
  std::string name;
  Bytes quote;
  std::string collateral;
  dcap::TrustRoot root;
  std::int64_t now = 0;
};

std::string read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_text(const fs::path& file, std::string_view text) {
  if (!(std::ofstream(file, std::ios::binary) << text).flush()) {
    throw std::runtime_error("cannot write " + file.string());
  }
}

/// A genuine quote where the fixtures are, otherwise one of our own in the same shape.
Sample sample() {
  const fs::path folder = test::shared_fixtures() / "dcap";
  const fs::path quote = folder / "quotes" / "tdx_v4_b0c06f_a.bin";
  if (!fs::exists(quote)) {
    const auto world = test_pki::make_world();
    return {"generated", world.quote(), world.collateral.to_json(), {world.chain.root.der}, world.now};
  }
  const auto bytes = read_text(quote);
  return {"tdx_v4_b0c06f_a",
          {bytes.begin(), bytes.end()},
          read_text(folder / "collateral" / "b0c06f_2025-06.json"),
          dcap::intel_root(),
          kFixtureInstant};
}

/// ECDSA over P-256 and nothing else: the key imported, the digest computed and the context made before.
class BareSignature {
 public:
  BareSignature() : key_(EVP_EC_gen("P-256")) {
    Context sign(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
    std::size_t size = signature_.size();
    require(sign && EVP_PKEY_sign_init(sign.get()) == 1 &&
            EVP_PKEY_sign(sign.get(), signature_.data(), &size, digest_.data(), digest_.size()) == 1);
    signature_.resize(size);
    context_.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
    require(context_ && EVP_PKEY_verify_init(context_.get()) == 1);
  }

  void verify() const {
    require(EVP_PKEY_verify(context_.get(), signature_.data(), signature_.size(), digest_.data(), digest_.size()) == 1);
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  };
  using Context = std::unique_ptr<EVP_PKEY_CTX, Free>;

  static void require(bool done) {
    if (!done) throw std::runtime_error("OpenSSL cannot sign or verify with P-256");
  }

  std::unique_ptr<EVP_PKEY, Free> key_;
  Context context_;
  Bytes digest_ = Bytes(32, 0x5a);
  Bytes signature_ = Bytes(72);
};

void require_ok(const dcap::Verification& verification) {
  if (!verification.ok) throw std::runtime_error("the quote does not verify: " + verification.message);
}

/// CPU time of this thread in microseconds: what waits for a core that others have is not counted.
double cpu_microseconds() {
  timespec now{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) throw std::runtime_error("there is no clock of CPU time");
  return 1e6 * static_cast<double>(now.tv_sec) + 1e-3 * static_cast<double>(now.tv_nsec);
}

/// Microseconds that one call takes, averaged over a handful.
double timed(const auto& call) {
  const double begin = cpu_microseconds();
  for (int i = 0; i < kPerRound; ++i)
    call();
  return (cpu_microseconds() - begin) / kPerRound;
}

/// The median of npm's dcap-qvl in microseconds; nothing where it cannot be had.
std::optional<double> measure_dcap_qvl(const Setup& setup, const Sample& sample) {
  const TempDir folder(setup.directory);
  write_text(folder.path() / "quote.bin", core::as_text(sample.quote));
  write_text(folder.path() / "collateral.json", sample.collateral);
  write_text(folder.path() / "root.der", core::as_text(sample.root.der));
  Process node({"/bin/sh", (test::source_dir() / "bench" / "dcap_qvl.sh").string(),
                (test::binary_dir() / "tests" / "interop" / "dcap_qvl").string(), folder.path().string(),
                std::to_string(sample.now), std::to_string(setup.quick ? kQuickRounds : kRounds)},
               folder.path() / "log");
  const int status = node.wait();
  if (status == kSkipped) return std::nullopt;
  const auto line = node.log_line("microseconds=");
  if (status != 0 || line.empty()) throw std::runtime_error("dcap-qvl could not be measured: " + node.log());
  return std::strtod(line.c_str() + line.find('=') + 1, nullptr);
}

}  // namespace

Figure measure_dcap(Setup& setup) {
  const auto input = sample();
  const auto collateral = must(dcap::parse_collateral(input.collateral), "read the collateral");
  const auto verified = must(dcap::verify_collateral(collateral, input.root, input.now), "verify the collateral");
  const BareSignature bare;
  std::vector<double> cold, cached, signature, cold_ratio, cached_ratio;
  const int rounds = setup.quick ? kQuickRounds : kRounds;
  for (int i = -rounds / 10; i < rounds; ++i) {
    const double whole = timed([&] { require_ok(dcap::verify(input.quote, collateral, input.root, input.now)); });
    const double again = timed([&] { require_ok(dcap::verify(input.quote, verified, input.now)); });
    const double one = timed([&] { bare.verify(); });
    if (i < 0) continue;
    cold.push_back(whole);
    cached.push_back(again);
    signature.push_back(one);
    cold_ratio.push_back(100 * whole / (kColdSignatures * one));
    cached_ratio.push_back(100 * again / (kCachedSignatures * one));
  }
  const auto other = measure_dcap_qvl(setup, input);

  Figure figure;
  figure.rows = {{"one P-256 verification alone (median)", median(signature), "us", {}, {}},
                 {"quote with its collateral (median)", median(cold), "us", {}, 1000.0},
                 {"  against its nine signatures alone (median of rounds)", median(cold_ratio), "%", {}, 150.0},
                 {"quote with collateral verified before (median)", median(cached), "us", {}, 400.0},
                 {"  against its three signatures alone (median of rounds)", median(cached_ratio), "%", {}, 150.0}};
  if (other) {
    figure.rows.push_back({"npm's @phala/dcap-qvl (median)", *other, "us", {}, {}});
    figure.rows.push_back({"  against ours with its collateral", *other / median(cold), "x", 15.0, {}});
    figure.rows.push_back({"  against ours with collateral verified before", *other / median(cached), "x", 40.0, {}});
  }
  figure.details = {{"quote", input.name},
                    {"coldMicroseconds", to_json(summarize(cold))},
                    {"cachedMicroseconds", to_json(summarize(cached))},
                    {"signatureMicroseconds", to_json(summarize(signature))},
                    {"coldRatioPercent", to_json(summarize(cold_ratio))},
                    {"cachedRatioPercent", to_json(summarize(cached_ratio))}};
  if (other) figure.details["dcapQvlMicroseconds"] = rounded(*other);
  return figure;
}

}  // namespace skill_verifier::bench
