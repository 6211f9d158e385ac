#pragma once
// Files of candidates, `user:token candidates:token_seq`: whom an evaluation judges, and among
// which items.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace kindred::eval {

/// One person's candidates, in the order in which a prompt names them.
struct CandidateRow {
  std::string user;
  std::vector<std::string> items;
  int64_t line = 0;  ///< where it stands in its file
};

/// A file as it was read.
struct CandidateFile {
  std::vector<CandidateRow> rows;
  std::string sha256;  ///< of the file's bytes, 64 hexadecimal digits
};

/// Reads a file of candidates; its header line may be missing. Throws `missing`, or `bad_data` with
/// file and line: another number of columns, an empty token, a person twice, a candidate twice in a
/// list, a list without candidates, a file without people.
CandidateFile read_candidate_file(const std::filesystem::path& path);

/// Writes one, with its header, atomically. Throws `bad_data` on a token with white space.
void write_candidate_file(const std::filesystem::path& path, std::span<const CandidateRow> rows);

}  // namespace kindred::eval
