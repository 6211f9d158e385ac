#pragma once
// The program as a person or another program meets it: exit codes, streams, files.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "core/files.h"
#include "core/strings.h"

namespace kindred {

/// What a finished program left.
struct Finished {
  int code;
  std::string out, err;
};

/// A fresh folder to work in, with the shipped sample store reachable, removed afterwards.
class Cli : public testing::Test {
 protected:
  void SetUp() override {
    const char* program = std::getenv("KINDRED_PROGRAM");
    if (!program) GTEST_SKIP() << "KINDRED_PROGRAM is not set; ctest sets it";
    program_ = program;
    folder_ = fs::temp_directory_path() / cat("kindred-cli-", getpid(), "-", counter_++);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string command(const std::string& arguments) const {
    // The shell becomes the program, so that a signal reaches it.
    return cat("cd '", folder_.string(), "' && exec env KINDRED_DATA='", KINDRED_SOURCE_DIR,
               "/data' ", "KINDRED_CACHE='", folder_.string(), "/cache' '", program_, "' ",
               arguments);
  }

  Finished run(const std::string& arguments) const {
    const int status = std::system(
        (command(arguments) + " >'" + path("out") + "' 2>'" + path("err") + "' </dev/null")
            .c_str());
    return {WEXITSTATUS(status), read_file(path("out")), read_file(path("err"))};
  }

  /// Starts the program and interrupts it as Ctrl-C does once `file` (in the folder) has content;
  /// the exit code.
  int interrupted(const std::string& arguments, const std::string& file) const {
    const pid_t child = fork();
    if (child == 0) {
      const std::string text = command(arguments + " >/dev/null 2>&1");
      execl("/bin/sh", "sh", "-c", text.c_str(), nullptr);
      _exit(127);
    }
    std::error_code absent;
    for (int i = 0; i < 600; ++i) {
      const auto size = fs::file_size(folder_ / file, absent);
      if (!absent && size > 0) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    kill(child, SIGINT);
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// A small recipe on the sample store.
  std::string recipe(const std::string& name, const std::string& text) const {
    write_file(folder_ / name, "data: {path: sample, format: recbole, min_rating: 4}\n" + text);
    return path(name);
  }

  std::string program_;
  fs::path folder_;
  static inline int counter_ = 0;
};

}  // namespace kindred
