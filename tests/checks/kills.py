"""Programs that are killed at a random moment, for the checks of this folder."""
import signal
import subprocess
import time

from emulator_process import LIMIT, check


def run_and_kill(command, settings, chance, reached, most):
    """Kills it after `reached()` has grown by up to `most`, or some time from the start on. Whether that was
    before its end: otherwise it must have ended well."""
    with subprocess.Popen(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        if chance.random() < 0.7:
            wanted = reached() + chance.randint(1, most)
            latest = time.monotonic() + LIMIT
            while reached() < wanted and process.poll() is None and time.monotonic() < latest:
                time.sleep(chance.uniform(0, 0.002))
        else:
            time.sleep(chance.uniform(0, 0.1))
        process.kill()
        out, err = process.communicate(timeout=LIMIT)
    if process.returncode == -signal.SIGKILL:
        return True
    check_end(process.returncode, out, err, command)
    return False


def run_to_its_end(command, settings):
    done = subprocess.run(command, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=LIMIT,
                          check=False)
    check_end(done.returncode, done.stdout, done.stderr, command)


def check_end(status, out, err, command):
    check(status == 0 and not err, f"{command} ended with {status}: {err}")
    check(len(out.splitlines()) == 2, f"{command} printed {out}")
