// A file of lines that is appended to and may lose its writer at any moment. For export.cpp; POSIX.
#ifndef HDIKAFKA_EXAMPLES_SUPPORT_LINES_FILE_HPP
#define HDIKAFKA_EXAMPLES_SUPPORT_LINES_FILE_HPP

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace examples {

/// All functions throw std::system_error.
class lines_file
{
public:
    /// Opens or creates it. What a writer that was killed left behind the last whole line is cut off, so
    /// nobody else may be writing.
    explicit lines_file(std::string path)
        : path_(std::move(path)), file_(std::fopen(path_.c_str(), "a+b"), std::fclose)
    {
        check(file_ != nullptr);
        int const descriptor = fileno(file_.get());
        auto end = lseek(descriptor, 0, SEEK_END);
        check(end >= 0);
        for (char last = 0; end > 0; --end) {
            check(pread(descriptor, &last, 1, end - 1) == 1);
            if (last == '\n')
                break;
        }
        check(ftruncate(descriptor, end) == 0);
    }

    /// They are on the disk when it returns.
    void append(std::string const& lines)
    {
        check(std::fwrite(lines.data(), 1, lines.size(), file_.get()) == lines.size());
        check(std::fflush(file_.get()) == 0 && fsync(fileno(file_.get())) == 0);
    }

private:
    void check(bool good) const
    {
        if (!good)
            throw std::system_error(errno, std::generic_category(), path_);
    }

    std::string path_;
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

} // namespace examples

#endif
