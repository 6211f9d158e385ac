#include "core/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>
#include <vector>

#include "core/test_support.h"

namespace kindred {
namespace {

using test::expect_error;
using test::TemporaryFolder;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  return names;
}

/// Runs `action` in a child process; its exit status, or minus the signal that ended it.
int in_child(const std::function<int()>& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    int status = 99;
    try {
      status = action();
    } catch (const Error& error) {
      status = static_cast<int>(error.code());
    }
    ::_exit(status);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(ReadFile, GivesTheWholeContentWithNulAndNewlineBytes) {
  const TemporaryFolder folder;
  std::string content(3'000'000, 'x');
  content[17] = '\0';
  content[18] = '\n';
  write_file(folder / "a", content);
  EXPECT_EQ(read_file(folder / "a"), content);
  write_file(folder / "empty", "");
  EXPECT_EQ(read_file(folder / "empty"), "");
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("a", "empty"));
}

TEST(ReadFile, ReadsWhatHasNoSize) {
  EXPECT_FALSE(read_file("/proc/self/status").empty());
}

TEST(ReadFile, NamesWhatIsWrong) {
  const TemporaryFolder folder;
  expect_error(Exit::missing, "no such file", [&] { read_file(folder / "none"); });
  expect_error(Exit::missing, "got a folder", [&] { read_file(folder.path()); });
  write_file(folder / "a", "12345");
  expect_error(Exit::missing, "no such file", [&] { read_file(folder / "a" / "b"); });
  expect_error(Exit::bad_data, "larger than 4 bytes", [&] { read_file(folder / "a", 4); });
  EXPECT_EQ(read_file(folder / "a", 5), "12345");
  expect_error(Exit::bad_data, "larger than 10 bytes", [&] { read_file("/proc/self/status", 10); });
}

TEST(WriteFile, ReplacesKeepsTheModeAndMakesFolders) {
  const TemporaryFolder folder;
  const fs::path path = folder / "deep" / "er" / "a.txt";
  write_file(path, "old");
  ::chmod(path.c_str(), 0640);
  write_file(path, "new");
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(fs::status(path).permissions(), fs::perms(0640));
}

TEST(WriteFile, StreamsMoreThanItsBufferInAnyPieces) {
  const TemporaryFolder folder;
  std::string expected;
  write_file(folder / "a", [&](std::ostream& stream) {
    for (int i = 0; i < 200'000; ++i) {
      stream << i << '\n';
      expected += std::to_string(i) + "\n";
    }
    const std::string large(5'000'000, 'y');
    stream << large;
    expected += large;
    stream.put('z');
    expected += 'z';
  });
  EXPECT_TRUE(read_file(folder / "a") == expected);
}

TEST(WriteFile, FollowsALinkInsteadOfReplacingIt) {
  const TemporaryFolder folder;
  write_file(folder / "real", "old");
  fs::create_symlink("real", folder / "link");
  write_file(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "real"), "new");
}

TEST(WriteFile, AnExceptionLeavesTheOldContentAndNoTemporary) {
  const TemporaryFolder folder;
  write_file(folder / "a", "old");
  EXPECT_THROW(write_file(folder / "a",
                          [](std::ostream& stream) {
                            stream << "half";
                            throw std::runtime_error("stop");
                          }),
               std::runtime_error);
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("a"));
}

TEST(WriteFile, AFullDeviceIsReportedAndTheDeviceStays) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  expect_error(Exit::io, "No space left", [] { write_file("/dev/full", "text"); });
  expect_error(Exit::io, "No space left", [] {
    write_file("/dev/full", [](std::ostream& stream) { stream << std::string(3 << 20, 'x'); });
  });
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST(WriteFile, AFileLargerThanAllowedLeavesTheOldContent) {
  const TemporaryFolder folder;
  write_file(folder / "a", "old");
  const int status = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    write_file(folder / "a", std::string(10'000, 'x'));
    return 0;
  });
  EXPECT_EQ(status, 74);
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("a"));
}

TEST(WriteFile, WhereNothingCanBeWrittenIsIo) {
  const TemporaryFolder folder;
  write_file(folder / "a", "old");
  expect_error(Exit::io, "got a folder", [&] { write_file(folder.path(), "x"); });
  expect_error(Exit::io, "the folder cannot be made", [&] { write_file(folder / "a" / "b", "x"); });
  expect_error(Exit::io, "cannot be", [] { write_file("/proc/none", "x"); });
  if (::geteuid() == 0) GTEST_SKIP() << "the rest needs a user whom permissions bind";
  ::chmod(folder.path().c_str(), 0555);
  expect_error(Exit::io, "Permission denied", [&] { write_file(folder / "a", "new"); });
  ::chmod(folder.path().c_str(), 0755);
  EXPECT_EQ(read_file(folder / "a"), "old");
}

TEST(WriteFile, AKillBeforeTheRenameLeavesTheOldContent) {
  const TemporaryFolder folder;
  write_file(folder / "a", "old");
  const int status = in_child([&] {
    write_file(folder / "a", [](std::ostream& stream) {
      stream << std::string(2 << 20, 'x') << std::flush;
      ::raise(SIGKILL);
    });
    return 0;
  });
  EXPECT_EQ(status, -SIGKILL);
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(names_in(folder.path()).size(), 2u) << "the killed writer leaves its temporary";
  const FolderLock lock(folder.path());
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("a", ".lock"));
}

TEST(WriteFile, ConcurrentWritersLeaveOneWholeContent) {
  const TemporaryFolder folder;
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w)
    writers.emplace_back([&, w] {
      for (int i = 0; i < 20; ++i) write_file(folder / "a", std::string(100'000, char('a' + w)));
    });
  for (std::thread& writer : writers) writer.join();
  const std::string content = read_file(folder / "a");
  EXPECT_EQ(content, std::string(100'000, content[0]));
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("a"));
}

TEST(AtomicFolder, AppearsWholeOnCommit) {
  const TemporaryFolder folder;
  {
    AtomicFolder made(folder / "cache/x/");
    write_file(made.path() / "sub" / "a", "1");
    EXPECT_FALSE(fs::exists(folder / "cache/x"));
    made.commit();
  }
  EXPECT_EQ(read_file(folder / "cache/x/sub/a"), "1");
  EXPECT_THAT(names_in(folder / "cache"), UnorderedElementsAre("x"));
}

TEST(AtomicFolder, UncommittedIsRemoved) {
  const TemporaryFolder folder;
  {
    AtomicFolder made(folder / "x");
    write_file(made.path() / "a", "1");
  }
  EXPECT_THAT(names_in(folder.path()), IsEmpty());
}

TEST(AtomicFolder, ReplacesOnlyWhenAsked) {
  const TemporaryFolder folder;
  write_file(folder / "x" / "old", "1");
  {
    AtomicFolder made(folder / "x");
    write_file(made.path() / "new", "2");
    expect_error(Exit::io, "exists already", [&] { made.commit(); });
    made.commit(true);
  }
  EXPECT_THAT(names_in(folder / "x"), UnorderedElementsAre("new"));
  EXPECT_THAT(names_in(folder.path()), UnorderedElementsAre("x"));
}

TEST(AtomicFolder, AnEmptyTargetCountsAsExisting) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "x");
  AtomicFolder made(folder / "x");
  expect_error(Exit::io, "exists already", [&] { made.commit(); });
}

TEST(AtomicFolder, WhatAKilledProcessLeftIsRemovedAndWhatALivingOneHoldsIsNot) {
  const TemporaryFolder folder;
  const int status = in_child([&] {
    AtomicFolder made(folder / "x");
    write_file(made.path() / "a", "1");
    ::raise(SIGKILL);
    return 0;
  });
  EXPECT_EQ(status, -SIGKILL);
  EXPECT_EQ(names_in(folder.path()).size(), 1u);
  AtomicFolder first(folder / "x");
  EXPECT_EQ(names_in(folder.path()).size(), 1u);
  write_file(first.path() / "a", "2");
  const int other = in_child([&] {
    AtomicFolder second(folder / "x");
    return static_cast<int>(names_in(folder.path()).size());
  });
  EXPECT_EQ(other, 2);
  first.commit();
  EXPECT_EQ(read_file(folder / "x" / "a"), "2");
}

TEST(FolderLock, ASecondHolderIsToldWhoHasIt) {
  const TemporaryFolder folder;
  {
    const FolderLock lock(folder.path());
    expect_error(Exit::busy, "process " + std::to_string(::getpid()),
                 [&] { FolderLock second(folder.path()); });
    EXPECT_EQ(in_child([&] {
                FolderLock second(folder.path());
                return 0;
              }),
              75);
  }
  const FolderLock again(folder.path());
}

TEST(FolderLock, IsFreeAfterItsHolderIsKilled) {
  const TemporaryFolder folder;
  EXPECT_EQ(in_child([&] {
              FolderLock lock(folder.path());
              ::raise(SIGKILL);
              return 0;
            }),
            -SIGKILL);
  const FolderLock lock(folder.path());
}

TEST(FolderLock, NeedsTheFolder) {
  const TemporaryFolder folder;
  expect_error(Exit::missing, "no such folder", [&] { FolderLock lock(folder / "none"); });
}

TEST(MappedFile, HoldsTheBytesAndSeesChanges) {
  const TemporaryFolder folder;
  write_file(folder / "a", "12345");
  {
    const MappedFile mapped(folder / "a");
    EXPECT_EQ(mapped.bytes(), "12345");
    EXPECT_NO_THROW(mapped.check_unchanged());
    write_file(folder / "a", "12345");
    expect_error(Exit::io, "replaced", [&] { mapped.check_unchanged(); });
  }
  const MappedFile mapped(folder / "a");
  fs::resize_file(folder / "a", 3);
  expect_error(Exit::io, "got 3 bytes, expected 5", [&] { mapped.check_unchanged(); });
  fs::remove(folder / "a");
  expect_error(Exit::io, "gone", [&] { mapped.check_unchanged(); });
}

TEST(MappedFile, TakesAnEmptyFileAndNamesWhatIsNone) {
  const TemporaryFolder folder;
  write_file(folder / "empty", "");
  const MappedFile mapped(folder / "empty");
  EXPECT_TRUE(mapped.bytes().empty());
  mapped.check_unchanged();
  expect_error(Exit::missing, "no such file", [&] { MappedFile none(folder / "none"); });
  expect_error(Exit::missing, "got a folder", [&] { MappedFile none(folder.path()); });
  expect_error(Exit::io, "pipe or device", [&] { MappedFile none("/dev/null"); });
}

}  // namespace
}  // namespace kindred
