#include "data/resolve.h"

#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <thread>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/strings.h"
#include "data/describe.h"
#include "data/prepare.h"
#include "data/prepared.h"
#include "data/raw.h"

namespace kindred::data {
namespace {

/// Changes when the same raw files and options would be prepared differently.
constexpr int preparation_version = 2;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// Name, size, time of change and both ends of a file: enough to see that it is another one,
/// without reading gigabytes at every start.
Json file_identity(const fs::path& path) {
  constexpr std::streamoff end_bytes = 1 << 20;
  struct ::stat status{};
  if (::stat(path.c_str(), &status) != 0) throw Error(Exit::missing, path.string(), "no such file");
  std::ifstream file(path, std::ios::binary);
  Sha256 hash;
  std::string bytes(static_cast<size_t>(end_bytes), '\0');
  for (const std::streamoff from :
       {std::streamoff{0}, std::max<std::streamoff>(0, status.st_size - end_bytes)}) {
    file.clear();
    file.seekg(from);
    file.read(bytes.data(), end_bytes);
    hash.update(bytes.data(), static_cast<size_t>(file.gcount()));
  }
  return {{"name", path.filename().string()},
          {"size", status.st_size},
          {"changed", cat(status.st_mtim.tv_sec, ".", status.st_mtim.tv_nsec)},
          {"ends", hex(hash.finish())}};
}

std::string cache_key(const PrepareOptions& options) {
  const RawOptions& raw = options;
  Json key = {{"version", preparation_version},
              {"schema", prepared_schema},
              {"options", write_options(raw)},
              {"input", fs::weakly_canonical(options.input).string()}};
  for (const fs::path& file : open_raw(options.input, options)->files())
    key["files"].push_back(file_identity(file));
  return fingerprint(key.dump()).substr(0, 16);
}

/// Options that only make sense for raw files, given for data that is prepared already.
void refuse_raw_options(const DataOptions& options, const fs::path& folder) {
  RawOptions raw = options;
  if (raw.split.kind == "given") raw.split.kind.reset();
  const Json given = write_options(raw);
  const Json usual = write_options(RawOptions());
  std::vector<std::string> changed;
  for (const auto& [name, value] : given.items())
    if (value != usual[name]) changed.push_back(cat("data.", name));
  if (!changed.empty())
    throw Error(Exit::config, folder.string(),
                cat("is split already, so ", join(changed, ", "),
                    " would do nothing; remove them, or point data.path at raw files"));
}

bool is_split(const fs::path& path) {
  if (!fs::is_directory(path)) return false;
  if (fs::exists(path / "dataset.json")) return true;
  for (const auto& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    if (name == "train.inter" || name.ends_with(".train.inter") || name.ends_with(".part1.inter"))
      return true;
  }
  return false;
}

/// Takes the lock of a folder, waiting while another process prepares the same data.
std::unique_ptr<FolderLock> lock_patiently(const fs::path& folder, const std::stop_token& stop) {
  bool said = false;
  while (true) {
    try {
      return std::make_unique<FolderLock>(folder);
    } catch (const Error& error) {
      if (error.code() != Exit::busy) throw;
    }
    if (!said)
      log::info(
          cat("waiting for another process that prepares the same data in ", folder.string()));
    said = true;
    check_stop(stop);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

std::string folder_name(const fs::path& input) {
  fs::path path = fs::absolute(input).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::string name = path.filename().string();
  if (fs::is_directory(input)) return name;
  return name.substr(0, name.find('.', 1));
}

}  // namespace

DataPlaces DataPlaces::from_environment(const std::string& data_dir, const std::string& cache_dir) {
  DataPlaces places;
  const std::string data = data_dir.empty() ? environment("KINDRED_DATA") : data_dir;
  if (!data.empty()) places.search.emplace_back(data);
  places.search.emplace_back("data");
  const std::string cache = cache_dir.empty() ? environment("KINDRED_CACHE") : cache_dir;
  places.cache = cache.empty() ? ".kindred" : cache;
  return places;
}

fs::path find_data(const std::string& path, const DataPlaces& places) {
  if (path.empty())
    throw Error(Exit::config, "data.path", "is not set; give a folder such as `sample`");
  std::vector<std::string> tried;
  if (fs::path(path).is_absolute()) {
    if (fs::exists(path)) return path;
    tried.push_back(path);
  } else {
    for (const fs::path& folder : places.search) {
      if (fs::exists(folder / path)) return folder / path;
      tried.push_back((folder / path).string());
    }
  }
  throw Error(Exit::missing, "data.path",
              cat("'", path, "' was not found (looked for ", join(tried, ", "),
                  "); give --data-dir or set KINDRED_DATA"));
}

fs::path resolve_folder(const DataOptions& options, const DataPlaces& places,
                        std::stop_token stop) {
  fs::path path = find_data(options.path, places);
  const bool split_as_files = options.format.empty() && is_split(path);
  if (split_as_files) {
    refuse_raw_options(options, path);
    return path;
  }
  PrepareOptions prepare_options;
  static_cast<RawOptions&>(prepare_options) = options;
  prepare_options.input = path.string();
  for (std::string* side : {&prepare_options.items, &prepare_options.users})
    if (!side->empty()) *side = find_data(*side, places).string();
  if (options.format.empty()) {
    const auto format = guess_format(path);
    if (!format)
      throw Error(Exit::config, "data.format",
                  cat("cannot be guessed for ", path.string(), "; set it"));
    prepare_options.format = *format;
  }
  check_options(prepare_options);
  const fs::path place = places.cache / "data" / cache_key(prepare_options);
  const fs::path folder = place / folder_name(path);
  if (fs::exists(folder / "dataset.json")) return folder;
  make_folders(place);
  const auto lock = lock_patiently(place, stop);
  if (fs::exists(folder / "dataset.json")) return folder;
  prepare_options.output = folder.string();
  log::info(
      cat("preparing ", path.string(), " (", prepare_options.format, ") into ", folder.string()));
  const PrepareReport report = prepare(prepare_options, stop);
  log::info(cat("prepared:\n", report.table()));
  return folder;
}

std::shared_ptr<const Dataset> resolve(const DataOptions& options, const DataPlaces& places,
                                       std::stop_token stop) {
  return load_dataset(resolve_folder(options, places, stop));
}

}  // namespace kindred::data
