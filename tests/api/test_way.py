import asyncio, time
from pathlib import Path
from tests.service import started
async def test_x(tmp_path: Path):
    t=time.time()
    async with started(tmp_path) as s:
        print("up", time.time()-t); t=time.time()
        await s.says(77, "/start")
        print("start", time.time()-t); t=time.time()
        print(s.shown(77))
        c = await s.hands_off(77)
        print("off", time.time()-t); t=time.time()
        print(s.shown(77)); print(s.shown(9001))
        v = await s.visitor()
        await v.hands_off()
        for l in await v.lines(): print(l)
        print(s.shown(9002))
        t=time.time()
    print("down", time.time()-t); t=time.time()
async def test_y(tmp_path: Path):
    await test_x(tmp_path)
