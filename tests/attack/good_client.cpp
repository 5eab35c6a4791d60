#include "attack/good_client.hpp"

#include "http/client.hpp"

namespace skill_verifier::attack {

GoodClient::GoodClient(std::uint16_t port) : port_(port), thread_([this] { run(); }) {}

void GoodClient::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void GoodClient::run() {
  while (true) {
    const bool last = stopping_;
    for (const char* const path : {"/health", "/jobs", "/docs"}) {
      try {
        const auto answer = test::get(port_, path);
        if (answer.status != 200 || !answer.complete) failures_.push_back(path + std::to_string(answer.status));
      } catch (const std::exception& error) {
        failures_.push_back(std::string(path) + ": " + error.what());
      }
    }
    ++rounds_;
    if (last) return;
  }
}

}  // namespace skill_verifier::attack
