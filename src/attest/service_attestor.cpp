#include "skill_verifier/attest/service_attestor.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <deque>

#include "skill_verifier/attest/document.hpp"
#include "skill_verifier/core/log.hpp"

namespace skill_verifier::attest {
namespace {

using SteadyClock = std::chrono::steady_clock;

/// A quote that is cancelled ends at once; a description asks the engine, which has limits of its own.
constexpr core::Duration kStopLimit = std::chrono::seconds(10);

Error draining() {
  return {Errc::unavailable, "draining", "the service is shutting down", "try again in a minute"};
}

/// Callers that share a quote.
struct Batch {
  explicit Batch(const core::asio::any_io_executor& executor) : done(executor) {}

  std::vector<std::string> nonces;
  std::size_t callers = 0;
  SteadyClock::time_point opened = SteadyClock::now();
  core::Event done;
  std::optional<MerkleTree> tree;
  std::optional<Result<std::shared_ptr<const ServiceQuote>>> outcome;

  void settle(Result<std::shared_ptr<const ServiceQuote>> result) {
    outcome = std::move(result);
    done.notify_all();
  }
};
using BatchPtr = std::shared_ptr<Batch>;

MerkleTree tree_of(const std::vector<std::string>& nonces) {
  std::vector<MerkleHash> leaves;
  leaves.reserve(nonces.size());
  for (const auto& nonce : nonces)
    leaves.push_back(merkle_leaf(core::as_bytes(nonce)));
  return MerkleTree(std::move(leaves));
}

class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(++count) {}
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::size_t& count_;
};

}  // namespace

struct ServiceAttestor::Impl {
  Impl(core::asio::any_io_executor executor, const core::Clock& clock, Quoter* quoter, Describe describe,
       ServiceAttestorOptions wanted)
      : executor(std::move(executor)),
        clock(clock),
        quoter(quoter),
        describe(std::move(describe)),
        options(wanted),
        tasks(this->executor) {
    // Nothing costs anything where nothing is quoted.
    if (quoter == nullptr) options.gather = options.pace = options.reuse = core::Duration::zero();
  }

  std::shared_ptr<const ServiceQuote> recent() const;
  BatchPtr join(const std::optional<std::string>& nonce);
  awaitable<bool> pause(SteadyClock::time_point opened);
  awaitable<void> run();
  awaitable<Result<std::shared_ptr<const ServiceQuote>>> quote(BatchPtr batch);
  void end(bool failed);

  core::asio::any_io_executor executor;
  const core::Clock& clock;
  Quoter* quoter;
  const Describe describe;
  ServiceAttestorOptions options;
  std::deque<BatchPtr> open;
  std::size_t waiting = 0;
  bool running = false;
  bool stopped = false;
  std::optional<SteadyClock::time_point> begun;  ///< the last quote
  std::shared_ptr<const ServiceQuote> last;      ///< only where it holds a quote
  SteadyClock::time_point last_at;
  core::TaskGroup tasks;
};

ServiceAttestor::ServiceAttestor(core::asio::any_io_executor executor, const core::Clock& clock, Quoter* quoter,
                                 Describe describe, ServiceAttestorOptions options)
    : impl_(std::make_unique<Impl>(std::move(executor), clock, quoter, std::move(describe), options)) {}
ServiceAttestor::~ServiceAttestor() = default;

std::shared_ptr<const ServiceQuote> ServiceAttestor::Impl::recent() const {
  if (last == nullptr || SteadyClock::now() - last_at >= options.reuse) return nullptr;
  return last;
}

BatchPtr ServiceAttestor::Impl::join(const std::optional<std::string>& nonce) {
  if (open.empty() || open.back()->callers >= options.batch) open.push_back(std::make_shared<Batch>(executor));
  BatchPtr batch = open.back();
  ++batch->callers;
  if (nonce) batch->nonces.push_back(*nonce);
  if (!running) {
    running = true;
    tasks.spawn("service attestation", run());
  }
  return batch;
}

awaitable<Result<ServiceAnswer>> ServiceAttestor::attest(std::optional<std::string> nonce) {
  auto& impl = *impl_;
  if (nonce) SKILL_VERIFIER_CO_TRY_VOID(check_nonce(*nonce));
  if (impl.stopped) co_return draining();
  if (!nonce) {
    if (auto recent = impl.recent()) co_return ServiceAnswer{std::move(recent), std::nullopt};
  }
  if (impl.waiting >= impl.options.waiting)
    co_return Error{Errc::overloaded, "attestation_queue_full",
                    fmt::format("{} callers wait for the service's attestation, which is the limit", impl.waiting),
                    "try again later"};
  const Counted counted(impl.waiting);
  const BatchPtr batch = impl.join(nonce);
  const std::size_t index = batch->nonces.size() - (nonce ? 1 : 0);
  const auto deadline = SteadyClock::now() + impl.options.wait;
  while (!batch->outcome) {
    const auto left = deadline - SteadyClock::now();
    if (left <= core::Duration::zero())
      co_return Error{Errc::timed_out, "attestation_timed_out", "the guest agent gave no quote in time"};
    co_await batch->done.wait(left);
    const bool cancelled = co_await core::cancelled();
    if (cancelled && !batch->outcome) co_return Error{Errc::cancelled, "the attestation was cancelled"};
  }
  if (!*batch->outcome) co_return batch->outcome->error();
  ServiceAnswer answer{**batch->outcome, std::nullopt};
  if (nonce) answer.proof = NonceProof{std::move(*nonce), index, batch->tree->size(), batch->tree->path(index)};
  co_return answer;
}

/// False when the attestor stops.
awaitable<bool> ServiceAttestor::Impl::pause(SteadyClock::time_point opened) {
  auto until = opened + options.gather;
  if (begun) until = std::max(until, *begun + options.pace);
  const auto left = until - SteadyClock::now();
  if (left <= core::Duration::zero()) co_return !stopped;
  const bool slept = co_await core::sleep_for(left);
  co_return slept && !stopped;
}

/// Whatever is still open when the runner leaves gets an answer: nobody waits for a runner that is gone.
void ServiceAttestor::Impl::end(bool failed) {
  running = false;
  for (const auto& batch : std::exchange(open, {}))
    batch->settle(failed ? Error{Errc::internal, "the attestation ended by a fault in this program"} : draining());
}

awaitable<void> ServiceAttestor::Impl::run() {
  struct AtEnd {
    Impl& impl;
    ~AtEnd() { impl.end(!impl.stopped); }
  };
  const AtEnd at_end{*this};
  while (!open.empty()) {
    const bool go_on = co_await pause(open.front()->opened);
    if (!go_on) co_return;
    const BatchPtr batch = open.front();
    begun = SteadyClock::now();
    auto outcome = co_await quote(batch);
    batch->settle(std::move(outcome));
  }
}

awaitable<Result<std::shared_ptr<const ServiceQuote>>> ServiceAttestor::Impl::quote(BatchPtr batch) {
  auto described = co_await describe();
  if (!described) {
    std::erase(open, batch);
    co_return described.error();
  }
  // From here on newcomers form the next batch.
  std::erase(open, batch);
  batch->tree = tree_of(batch->nonces);
  described->nonce_root = core::to_hex(batch->tree->root());
  auto document = build_service_document(*described);
  if (!document) co_return Error{Errc::internal, "internal", document.error().message};
  auto made = std::make_shared<ServiceQuote>();
  made->document = std::move(*document);
  made->at = clock.now();
  made->note = kNoTeeNote;
  if (quoter != nullptr) {
    auto quoted = co_await quoter->quote(service_report_data(made->document), {});
    if (quoted) {
      made->quote = std::move(*quoted);
      made->note.clear();
      last = made;
      last_at = SteadyClock::now();
    } else if (stopped) {
      co_return draining();
    } else {
      log::warn("no quote for the service", {{"code", quoted.error().id}, {"message", quoted.error().message}});
      made->note = fmt::format("No quote: {}", quoted.error().message);
    }
  }
  if (!made->quote && options.required)
    co_return Error{Errc::unavailable, "attestation_unavailable",
                    fmt::format("attestation is required and there is no quote: {}", made->note)};
  co_return std::shared_ptr<const ServiceQuote>(std::move(made));
}

awaitable<void> ServiceAttestor::stop() {
  impl_->stopped = true;
  impl_->tasks.cancel();
  const bool ended = co_await impl_->tasks.wait(kStopLimit);
  if (!ended) log::error("the service's attestation does not end");
}

}  // namespace skill_verifier::attest
