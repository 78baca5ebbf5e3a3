// Runs a fuzz target once over each file of the folders it is given: the corpus as an ordinary
// test, with the ordinary compiler. What once crashed is added to the corpus and stays there.
#include <cstdint>
#include <cstdio>
#include <string>

#include "common/base/files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t bytes);

int main(int argc, char** argv) {
  constexpr size_t kInputBytesMax = 1 << 20;
  sluice::SystemFiles files;
  size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string folder = argv[i];
    const auto names = files.List(folder);
    if (!names.ok()) return 1;
    for (const std::string& name : *names) {
      const auto input = files.Read(folder + "/" + name, kInputBytesMax);
      if (!input.ok()) return 1;
      std::printf("%s\n", name.c_str());
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input->data()), input->size());
      ++count;
    }
  }
  std::printf("%zu inputs replayed\n", count);
  return count == 0 ? 1 : 0;
}
