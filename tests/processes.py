"""Several processes that train together on this machine, without a GPU."""

import multiprocessing
import os
import socket
import traceback

CONTEXT = multiprocessing.get_context("forkserver")
SECONDS = 100


def free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def run_together(work, *arguments, count=2):
    """Call a function in each of several processes that torchrun might have started.

    Returns:
        What went wrong in each process, as text; None where nothing did.
    """
    CONTEXT.set_forkserver_preload(["arseg_lightning.cli"])
    port = free_port()
    pipes = [CONTEXT.Pipe(duplex=False) for _ in range(count)]
    processes = [
        CONTEXT.Process(target=_join, args=(rank, count, port, pipe[1], work, arguments))
        for rank, pipe in enumerate(pipes)
    ]
    for process, pipe in zip(processes, pipes, strict=True):
        process.start()
        pipe[1].close()
    try:
        return [_said(pipe[0]) for pipe in pipes]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _said(pipe):
    if not pipe.poll(SECONDS):
        return f"not done after {SECONDS} seconds"
    try:
        return pipe.recv()
    except EOFError:
        return "ended without a word"


def _join(rank, count, port, pipe, work, arguments):
    """What each process does: be one of several, work, tell."""
    os.environ |= {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "GROUP_RANK": "0",
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "TORCHELASTIC_RUN_ID": "tests",
    }
    import torch

    torch.set_num_threads(1)
    try:
        work(rank, *arguments)
        pipe.send(None)
    except BaseException:
        pipe.send(traceback.format_exc())
