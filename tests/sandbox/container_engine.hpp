#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/init_client.hpp"

namespace skill_verifier::testing_support {

/// A Docker Engine over its Unix socket, blocking, one connection a request: just enough to start what a test is about,
/// and independent of the client that the program itself uses. Throws std::runtime_error with the engine's answer.
class ContainerEngine {
 public:
  /// `unix:///path` as in DOCKER_HOST.
  explicit ContainerEngine(std::string host);

  struct ImageFile {
    std::string path;
    std::string bytes;
    unsigned mode = 0755;
    std::string link{};  ///< a symbolic link to this, when not empty
  };
  /// Makes an image of these files; its id.
  std::string import_image(const std::vector<ImageFile>& files);
  void remove_image(const std::string& id);

  std::string create(const std::string& body);
  /// Attaches to standard input and output; to be called before start.
  std::unique_ptr<ByteStream> attach(const std::string& id);
  void start(const std::string& id);
  /// Waits for the end; its exit code.
  int wait(const std::string& id);
  /// The id of an image of the container's file system.
  std::string commit(const std::string& id);
  void remove(const std::string& id);

 private:
  struct Answer {
    int status = 0;
    std::string body;
  };
  Answer request(std::string_view method, std::string_view target, std::string_view type, std::string_view body);
  std::string expect(std::string_view what, const Answer& answer);

  std::string socket_;
};

}  // namespace skill_verifier::testing_support
