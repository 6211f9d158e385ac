#include "core/error.h"
#include "core/strings.h"
#include "data/raw.h"
#include "data/readers.h"

namespace kindred::data {

namespace fs = std::filesystem;

std::unique_ptr<RawReader> open_raw(const fs::path& input, const RawOptions& options) {
  if (!fs::exists(input)) throw Error(Exit::missing, input.string(), "no such file or folder");
  if (options.format.starts_with("amazon-")) return open_amazon(input, options);
  throw Error(Exit::usage, "format", cat("got '", options.format, "'"));
}

}  // namespace kindred::data
