#include <chrono>
#include <fstream>

#include "core/error.h"
#include "run/run_folder.h"

namespace kindred::run {

RunLog::RunLog(fs::path path, fs::path events)
    : path_(std::move(path)), events_(std::move(events)) {}

void RunLog::append(const Json& record) {
  std::ofstream file(path_, std::ios::app);
  file << record.dump() << '\n';
  file.flush();
  if (!file) throw Error(Exit::io, path_.string(), "cannot append to the log; is the disk full?");
  if (events_.empty()) return;
  const std::string stage = record.value("stage", "");
  const auto clock = std::chrono::system_clock::now().time_since_epoch();
  boards_.try_emplace(stage, events_ / stage)
      .first->second.add(scalars_of(record), record.value("step", int64_t{0}),
                         std::chrono::duration<double>(clock).count());
}

void RunLog::cut_back(const std::string& stage, int64_t records) {
  if (!fs::exists(path_)) return;
  std::string kept;
  int64_t of_stage = 0;
  for (const Json& record : read_log(path_)) {
    if (record.value("stage", "") == stage && of_stage++ >= records) continue;
    kept += record.dump() + "\n";
  }
  write_file(path_, kept);
  // A record is an event, so their counts are the same.
  boards_.erase(stage);
  if (fs::exists(events_ / stage)) boards_.try_emplace(stage, events_ / stage, records);
}

std::vector<Json> read_log(const fs::path& path) {
  std::vector<Json> records;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (file.eof()) break;  // no newline: the line was being written when the run died
    Json record = Json::parse(line, nullptr, false);
    if (record.is_object()) records.push_back(std::move(record));
  }
  return records;
}

train::TensorBoard::Scalars scalars_of(const Json& record) {
  train::TensorBoard::Scalars scalars;
  for (const auto& [name, value] : record.items()) {
    if (name == "valid" && value.is_object()) {
      for (const auto& [metric, number] : value.items())
        if (number.is_number()) scalars.emplace_back("valid/" + metric, number.get<double>());
    } else if (value.is_number() && name != "step") {
      const bool loss = name == "loss" && record.contains("objective");
      scalars.emplace_back(loss ? "loss/" + record["objective"].get<std::string>() : name,
                           value.get<double>());
    }
  }
  return scalars;
}

}  // namespace kindred::run
