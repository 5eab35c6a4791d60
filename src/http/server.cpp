#include "skill_verifier/http/server.hpp"

#include "http/backend.hpp"
#include "http/listener.hpp"

namespace skill_verifier::http {

Backend backend_of(service::Service& service) {
  Backend backend;
  backend.check_room = [&service](const service::Submission& submission) { return service.check_room(submission); };
  backend.submit = [&service](service::Submission submission) { return service.submit(std::move(submission)); };
  backend.keyed_job = [&service](service::Submission submission) { return service.keyed_job(std::move(submission)); };
  backend.find = [&service](std::string id) { return service.find(std::move(id)); };
  backend.wait = [&service](std::string id, core::Duration limit) { return service.wait(std::move(id), limit); };
  backend.timing = [&service](const std::string& id) { return service.timing(id); };
  backend.list = [&service](store::JobFilter filter) { return service.list(filter); };
  backend.remove = [&service](std::string id) { return service.remove(std::move(id)); };
  backend.log = [&service](std::string id, std::size_t offset, core::Duration limit) {
    return service.log(std::move(id), offset, limit);
  };
  backend.events = [&service](std::string id, service::EventCursor cursor, core::Duration limit) {
    return service.events(std::move(id), std::move(cursor), limit);
  };
  backend.verdicts = [&service](std::vector<std::string> subjects, std::optional<std::string> viewer) {
    return service.verdicts(std::move(subjects), std::move(viewer));
  };
  backend.attestation = [&service](std::optional<std::string> nonce) { return service.attestation(std::move(nonce)); };
  backend.sarif = [&service](store::Job job) { return service.sarif(std::move(job)); };
  backend.appraisal = [&service](store::Job job) { return service.appraisal(std::move(job)); };
  backend.deliveries = [&service](store::DeliveryFilter filter) { return service.deliveries(std::move(filter)); };
  backend.redeliver = [&service](std::string id) { return service.redeliver(std::move(id)); };
  backend.health = [&service] { return service.health(); };
  backend.readiness = [&service] { return service.readiness(); };
  backend.pack_bytes = [&service] { return service.pack_bytes(); };
  backend.write_metrics = [&service](core::MetricsText& out) { service.write_metrics(out); };
  backend.engine_away = [&service] { return service.engine_away(); };
  backend.access = [&service](std::string id) { return service.access(std::move(id)); };
  backend.total = [&service](std::optional<std::string> viewer) { return service.total(std::move(viewer)); };
  return backend;
}

struct Server::Impl {
  Impl(core::asio::any_io_executor executor, core::WorkPool& pool, service::Service& service, const core::Clock& clock,
       std::filesystem::path spool, ServerOptions options)
      : listener(std::move(executor), pool, backend_of(service), clock, std::move(spool), std::move(options)) {}
  Listener listener;
};

Server::Server(core::asio::any_io_executor executor, core::WorkPool& pool, service::Service& service,
               const core::Clock& clock, std::filesystem::path spool, ServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(executor), pool, service, clock, std::move(spool), std::move(options))) {}
Server::~Server() = default;

awaitable<Result<void>> Server::reload() {
  return impl_->listener.reload();
}
Result<void> Server::start() {
  return impl_->listener.start();
}
void Server::reconfigure(const ServerOptions& wanted) {
  impl_->listener.reconfigure(wanted);
}
std::uint16_t Server::port() const {
  return impl_->listener.port();
}
std::uint16_t Server::tls_port() const {
  return impl_->listener.tls_port();
}
awaitable<void> Server::stop(core::Duration grace) {
  return impl_->listener.stop(grace);
}

}  // namespace skill_verifier::http
