#include "sandbox/engine_relay.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace skill_verifier::test {
namespace {

namespace asio = core::asio;
using Protocol = asio::local::stream_protocol;
constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

EngineRelay::EngineRelay(asio::io_context& io, std::filesystem::path socket, std::string engine_socket)
    : io_(io), socket_(std::move(socket)), engine_socket_(std::move(engine_socket)), tasks_(io.get_executor()) {
  resume();
}

EngineRelay::~EngineRelay() {
  cut();
}

void EngineRelay::resume() {
  hung_ = false;
  std::filesystem::remove(socket_);
  acceptor_ = std::make_shared<Protocol::acceptor>(io_, Protocol::endpoint(socket_.string()));
  tasks_.spawn("accept", accept(acceptor_));
}

void EngineRelay::cut() {
  boost::system::error_code ignored;
  acceptor_->close(ignored);
  for (const auto& weak : pairs_) {
    const auto pair = weak.lock();
    if (!pair) continue;
    pair->client.close(ignored);
    pair->engine.close(ignored);
  }
  pairs_.clear();
  std::filesystem::remove(socket_);
}

void EngineRelay::replace(std::string what, std::string by) {
  what_ = std::move(what);
  by_ = std::move(by);
}

std::string EngineRelay::replaced(std::string& said) const {
  if (what_.empty()) return std::exchange(said, {});
  for (auto at = said.find(what_); at != std::string::npos; at = said.find(what_, at + by_.size()))
    said.replace(at, what_.size(), by_);
  std::size_t held = std::min(said.size(), what_.size() - 1);
  while (!said.ends_with(what_.substr(0, held)))
    --held;
  auto ready = said.substr(0, said.size() - held);
  said.erase(0, ready.size());
  return ready;
}

core::awaitable<void> EngineRelay::accept(std::shared_ptr<Protocol::acceptor> acceptor) {
  while (true) {
    auto pair = std::make_shared<Pair>(io_);
    const auto [failed] = co_await acceptor->async_accept(pair->client, use_tuple);
    if (failed) co_return;
    const auto [unreachable] = co_await pair->engine.async_connect(Protocol::endpoint(engine_socket_), use_tuple);
    if (unreachable) continue;
    pairs_.push_back(pair);
    tasks_.spawn("to the engine", forward(pair, false));
    tasks_.spawn("to the client", forward(pair, true));
  }
}

core::awaitable<void> EngineRelay::forward(std::shared_ptr<Pair> pair, bool to_client) {
  auto& from = to_client ? pair->engine : pair->client;
  auto& to = to_client ? pair->client : pair->engine;
  std::array<char, 16384> buffer;
  std::string said;
  while (true) {
    const auto [ended, count] = co_await from.async_read_some(asio::buffer(buffer), use_tuple);
    boost::system::error_code ignored;
    if (ended) {
      to.shutdown(Protocol::socket::shutdown_send, ignored);
      co_return;
    }
    if (hung_ && to_client) continue;
    said.append(buffer.data(), count);
    const auto ready = to_client ? std::exchange(said, {}) : replaced(said);
    const auto [failed, written] = co_await asio::async_write(to, asio::buffer(ready), use_tuple);
    if (failed) co_return;
  }
}

}  // namespace skill_verifier::test
