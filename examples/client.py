"""A search behind an address: the server in a process of its own, and OpenAI's client.

python examples/client.py

To try it by hand, start `specreward serve game24 --model fast="best_of_n(n=4)"` in one terminal
and give this client http://127.0.0.1:8321/v1 in another.
"""

import re
import subprocess
import sys

from openai import OpenAI

COMMAND = [sys.executable, "-m", "specreward", "serve", "game24", "--port", "0"]

with subprocess.Popen(COMMAND, stderr=subprocess.PIPE, text=True) as server:
    try:
        url = re.search(r"http://\S+/v1", server.stderr.readline())[0]
        client = OpenAI(base_url=url, api_key="none")
        problem = [{"role": "user", "content": "4 9 10 13"}]

        # The model's name is the text of a strategy.
        reply = client.chat.completions.create(model="bfs(verify=speculative())", messages=problem)
        print(reply.choices[0].message.content)
        print("tokens", reply.usage.total_tokens, "score", reply.specreward["score"])

        # Or it is in the extra body; the answer comes as a stream.
        stream = client.chat.completions.create(
            model="cot",
            messages=problem,
            stream=True,
            extra_body={"specreward": {"strategy": "dfs(verify=speculative())", "seed": 1}},
        )
        for chunk in stream:
            print(chunk.choices[0].delta.content or "", end="")
        print()
    finally:
        server.terminate()
