#pragma once
// Zip archives read from memory: stored and deflated entries, zip64. Nothing is ever written to
// disk.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace kindred {

/// One entry of an archive, its data's place already checked to lie inside the file.
struct ZipEntry {
  std::string_view compressed;  ///< the entry's bytes as they stand in the file
  uint64_t size = 0;            ///< bytes once inflated; equals compressed.size() when stored
  uint32_t crc = 0;             ///< CRC-32 of the content; 0 where the writer computed none
  bool deflated = false;
};

/// The entries of an archive by name.
class ZipArchive {
 public:
  /// Reads and checks the central directory of an archive that lies in memory and outlives the
  /// object. Throws `bad_data` in the name of `where`: a directory or entry outside of the file,
  /// entries that overlap (as zip bombs' do), repeated names, encryption, other methods than stored
  /// and deflated.
  ZipArchive(std::string_view bytes, std::string where);

  const std::map<std::string, ZipEntry>& entries() const { return entries_; }
  const ZipEntry* find(const std::string& name) const;

  /// An entry's content: a view into the archive when stored, else inflated into `buffer`, of which
  /// its announced size is allocated: look at that first. Throws `bad_data` where it inflates to
  /// another size, or its CRC differs.
  std::string_view content(const std::string& name, std::string& buffer) const;

 private:
  std::string where_;
  std::map<std::string, ZipEntry> entries_;
};

}  // namespace kindred
