#pragma once
// How much memory there is, so that what cannot fit is refused by a sentence and not by the kernel.

#include <cstdint>
#include <string>
#include <string_view>

namespace kindred {

/// Bytes that can still be taken without swapping: the machine's available memory, or what is left
/// under the control group's limit (version 2 or 1) where that is less. UINT64_MAX when unknown.
uint64_t available_memory();

/// Lets go of the memory behind bytes of a mapped file that are not read again soon; nothing is
/// lost, they come back from the file when read.
void release_pages(std::string_view bytes);

/// "1.2 GB", "640 MB", "12 KB": for messages.
std::string memory_text(uint64_t bytes);

/// Throws `config` when `bytes` for `what` are more than is available; `advice` says what to do.
void require_memory(uint64_t bytes, const std::string& where, const std::string& what,
                    const std::string& advice);

}  // namespace kindred
