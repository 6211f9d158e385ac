#include "run/registry.h"

#include <sqlite3.h>

#include <memory>

#include "core/error.h"
#include "core/log.h"
#include "core/strings.h"

namespace kindred::run {
namespace {

struct Close {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, Close>;
using Statement = std::unique_ptr<sqlite3_stmt, Close>;

Error failed(sqlite3* database, const std::filesystem::path& path) {
  return Error(Exit::io, path.string(), sqlite3_errmsg(database));
}

Database open(const std::filesystem::path& cache) {
  std::filesystem::create_directories(cache);
  const auto path = cache / "runs.sqlite";
  sqlite3* raw = nullptr;
  const int code = sqlite3_open(path.c_str(), &raw);
  Database database(raw);
  if (code != SQLITE_OK) throw failed(raw, path);
  sqlite3_busy_timeout(raw, 5000);
  const char* create =
      "CREATE TABLE IF NOT EXISTS runs (folder TEXT PRIMARY KEY, dataset TEXT, recipe TEXT, method "
      "TEXT, "
      "state TEXT, started TEXT, finished TEXT, test TEXT)";
  if (sqlite3_exec(raw, create, nullptr, nullptr, nullptr) != SQLITE_OK) throw failed(raw, path);
  return database;
}

Statement prepare(sqlite3* database, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(database, sql, -1, &raw, nullptr) != SQLITE_OK)
    throw failed(database, "runs.sqlite");
  return Statement(raw);
}

}  // namespace

void register_run(const std::filesystem::path& cache, const RunRecord& record) {
  try {
    const Database database = open(cache);
    const Statement insert =
        prepare(database.get(), "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    const std::string test = record.test.dump();
    int column = 0;
    for (const std::string* text : {&record.folder, &record.dataset, &record.recipe, &record.method,
                                    &record.state, &record.started, &record.finished, &test})
      sqlite3_bind_text(insert.get(), ++column, text->c_str(), -1, SQLITE_TRANSIENT);
    if (sqlite3_step(insert.get()) != SQLITE_DONE)
      throw failed(database.get(), cache / "runs.sqlite");
  } catch (const std::exception& error) {
    log::warning(cat("the run is not in the registry: ", error.what()));
  }
}

std::vector<RunRecord> registered_runs(const std::filesystem::path& cache) {
  std::vector<RunRecord> records;
  if (!std::filesystem::exists(cache / "runs.sqlite")) return records;
  const Database database = open(cache);
  const Statement select =
      prepare(database.get(),
              "SELECT folder, dataset, recipe, method, state, started, finished, test "
              "FROM runs ORDER BY started DESC");
  while (sqlite3_step(select.get()) == SQLITE_ROW) {
    RunRecord& record = records.emplace_back();
    int column = 0;
    const auto text = [&] {
      const unsigned char* value = sqlite3_column_text(select.get(), column++);
      return value ? std::string(reinterpret_cast<const char*>(value)) : std::string();
    };
    for (std::string* field : {&record.folder, &record.dataset, &record.recipe, &record.method,
                               &record.state, &record.started, &record.finished})
      *field = text();
    record.test = Json::parse(text(), nullptr, false);
  }
  return records;
}

}  // namespace kindred::run
