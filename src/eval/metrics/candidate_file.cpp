#include "eval/metrics/candidate_file.h"

#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/strings.h"
#include "eval/metrics/dump.h"
#include "eval/metrics/line_reader.h"

namespace kindred::eval {

namespace {

constexpr const char* header = "user:token\tcandidates:token_seq";

std::vector<std::string> items_of(const LineReader& reader, const std::string& field) {
  std::vector<std::string> items;
  std::unordered_set<std::string_view> seen;
  for_each_part(field, [&](std::string_view token) {
    if (token.empty()) reader.fail("a candidate is empty; one space stands between two");
    if (!seen.insert(token).second)
      reader.fail(cat("item ", quote(token), " stands twice among the candidates"));
    items.emplace_back(token);
  });
  if (items.empty()) reader.fail("a list without candidates");
  return items;
}

}  // namespace

CandidateFile read_candidate_file(const std::filesystem::path& path) {
  LineReader reader(path);
  CandidateFile file;
  std::unordered_map<std::string, int64_t> lines;
  std::string line;
  while (reader.next(line)) {
    if (reader.number() == 1 && line == header) continue;
    if (reader.number() == 1 && line.starts_with("user:token\t"))
      reader.fail(cat("got the header ", quote(line), ", expected '", header, "'"));
    std::vector<std::string> fields = reader.fields(line, 2);
    const auto [place, fresh] = lines.emplace(fields[0], reader.number());
    if (!fresh)
      reader.fail(
          cat("user ", quote(fields[0]), " has candidates already, in line ", place->second));
    file.rows.push_back({fields[0], items_of(reader, fields[1]), reader.number()});
  }
  if (file.rows.empty())
    throw Error(Exit::bad_data, path.string(),
                "holds nobody, expected a user and candidates a line");
  file.sha256 = file_fingerprint(path);
  return file;
}

void write_candidate_file(const std::filesystem::path& path, std::span<const CandidateRow> rows) {
  write_file(path, [&](std::ostream& out) {
    out << header << '\n';
    std::string line;
    for (const CandidateRow& row : rows) {
      line.clear();
      append_token(line, row.user);
      for (size_t i = 0; i < row.items.size(); ++i) {
        line += i == 0 ? '\t' : ' ';
        append_token(line, row.items[i]);
      }
      out << line << '\n';
    }
  });
}

}  // namespace kindred::eval
