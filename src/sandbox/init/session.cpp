#include "sandbox/init/session.hpp"

#include <sys/stat.h>

#include "sandbox/init/confinement.hpp"
#include "sandbox/init/job.hpp"

namespace skill_verifier::sandbox::guest {
namespace {

using init::HostFrame;
using init::InitFrame;

constexpr int kFaultExit = 1;

Fault out_of_order() {
  return {"protocol", "a frame that does not belong here"};
}

}  // namespace

int Session::serve() {
  Status fault = reaper_.start();
  if (!fault) send(InitFrame::ready, describe_confinement());
  while (!fault && !host_gone_ && stage_ != Stage::done)
    fault = step();
  if (!fault) return 0;
  send(InitFrame::fault, Payload().text(fault->code).text(fault->message));
  // A host that is still writing its package would get stuck: some engines take nothing more for a process that ended.
  if (!host_gone_) host_.drain();
  return kFaultExit;
}

Status Session::step() {
  switch (host_.next()) {
    case FrameParser::Event::need_more:
      host_gone_ = !host_.wait_and_fill();
      return {};
    case FrameParser::Event::invalid:
      return Fault{"protocol", host_.frame().error()};
    case FrameParser::Event::piece:
      return on_piece();
    case FrameParser::Event::frame:
      return on_frame();
  }
  return out_of_order();
}

Status Session::on_frame() {
  switch (host_.frame().type()) {
    case HostFrame::hello:
      return greet();
    case HostFrame::pack_end:
      return end_pack();
    case HostFrame::use_prepared:
      return use_prepared();
    case HostFrame::run:
      return run(false);
    case HostFrame::run_watched:
      return run(true);
    case HostFrame::kill:
      return stage_ == Stage::hello ? Status(out_of_order()) : Status();
    case HostFrame::finish:
      return finish();
    case HostFrame::pack_data:
      break;
  }
  return out_of_order();
}

Status Session::greet() {
  if (stage_ != Stage::hello) return out_of_order();
  Hello hello;
  if (auto fault = parse_hello(host_.frame().payload(), hello)) return fault;
  identity_ = {hello.uid, hello.gid, hello.prepare};
  stage_ = Stage::package;
  if (!identity_.prepare) return {};
  if (auto fault = own_file_.load()) return fault;
  return make_skill_folder();
}

Status Session::open_skill(Fd& skill) const {
  skill = open_directory(AT_FDCWD, init::kSkillPath);
  if (!skill) return errno_fault("internal", "open /skill", errno);
  struct stat info{};
  if (::fstat(skill.get(), &info) != 0) return errno_fault("internal", "look at /skill", errno);
  // Where the engine's tmpfs has no number of inodes it has no owner either.
  const bool everybodys = !inodes_.empty() && info.st_uid == 0 && (info.st_mode & 07777) == 0777;
  if (info.st_uid == identity_.uid || everybodys) return {};
  return Fault{"internal", "/skill does not belong to the tested user"};
}

Status Session::begin_pack() {
  if (stage_ != Stage::package) return out_of_order();
  if (unpacking_) return {};
  Fd skill;
  if (auto fault = open_skill(skill)) return fault;
  unpacking_.emplace(std::move(skill));
  return {};
}

Status Session::on_piece() {
  if (auto fault = begin_pack()) return fault;
  const AsJob job(identity_);
  return unpacking_->reader.add(host_.frame().piece());
}

Status Session::end_pack() {
  if (auto fault = begin_pack()) return fault;
  if (auto fault = unpacking_->reader.finish()) return fault;
  const TreeSize size{unpacking_->reader.files(), unpacking_->reader.bytes()};
  unpacking_.reset();
  return package_ready(size);
}

Status Session::use_prepared() {
  if (stage_ != Stage::package || unpacking_) return out_of_order();
  Fd skill;
  if (auto fault = open_skill(skill)) return fault;
  TreeSize size;
  if (auto fault = copy_prepared_tree(skill.get(), identity_, size)) return fault;
  return package_ready(size);
}

Status Session::package_ready(const TreeSize& size) {
  if (auto full = inodes_.exceeded()) return Fault{"no_space", std::move(*full)};
  stage_ = Stage::commands;
  send(InitFrame::unpacked, Payload().u32(size.files).u64(size.bytes));
  return {};
}

Status Session::run(bool watched) {
  if (stage_ != Stage::commands || (watched && identity_.prepare)) return out_of_order();
  const auto index = host_.frame().index();
  if (index != commands_) return Fault{"protocol", "commands are not numbered in order"};
  RunRequest request;
  if (auto fault = parse_run(host_.frame().payload(), request)) return fault;
  ++commands_;
  Job job(host_, reaper_, identity_, inodes_, index, request, watched);
  return job.supervise(host_gone_);
}

Status Session::finish() {
  if (stage_ == Stage::hello) return out_of_order();
  if (!reaper_.kill_all(identity_)) return Fault{"internal", "processes do not die"};
  if (identity_.prepare) {
    if (auto fault = keep_prepared_tree()) return fault;
    if (auto fault = own_file_.restore()) return fault;
  }
  stage_ = Stage::done;
  send(InitFrame::done, Payload());
  return {};
}

void Session::send(InitFrame type, const Payload& payload) {
  host_.queue(type, 0, payload.bytes());
  if (!host_.flush()) host_gone_ = true;
}

}  // namespace skill_verifier::sandbox::guest
